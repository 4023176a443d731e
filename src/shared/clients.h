/* Connections per client address over all workers: each worker counts its own in a table of its
 * slot; the total is the sum over the slots in use. IPv6 counts by /64. A reader of another
 * worker's table may see an entry while it moves and count it twice or not at all: the limit is a
 * limit, not a ledger. When a worker has died the supervisor clears its table. */
#pragma once

#include <stdint.h>

#include "base/attributes.h"
#include "shared/counters.h"

#define CLIENTS_PER_SLOT 65536u

struct client_key {
    uint8_t bytes[16];
};

struct client_entry {
    struct client_key key;
    uint32_t count; /* 0: free */
    uint32_t unused;
};

struct clients_segment {
    struct segment_header header;
    uint64_t hash_key[2];
    _Atomic uint32_t slots_in_use; /* the highest slot that ever was in use, plus one */
    uint32_t unused[3];
    struct client_entry entries[WORKER_SLOTS_MAX][CLIENTS_PER_SLOT];
};

/* Counts one more connection of this client in `slot`; the total over all slots afterwards. When
 * the slot's table is crowded the client is not counted and 0 is returned. */
uint32_t clients_enter(struct clients_segment *c, uint32_t slot, const struct client_key *key);
/* Its connections over all slots. */
uint32_t clients_count(const struct clients_segment *c, const struct client_key *key);
void clients_leave(struct clients_segment *c, uint32_t slot, const struct client_key *key);

/* By the supervisor: a new worker takes the slot, or its worker is gone. */
void clients_clear(struct clients_segment *c, uint32_t slot);
