/* Connections per client address over all workers: each worker counts its own in a table of its
 * slot; the total is the sum over the slots in use. IPv6 counts by /64. */
#pragma once

#include <stdint.h>

#include "base/attributes.h"

struct clients_segment;
struct client_key {
    uint8_t bytes[16];
};

/* Counts one more connection of this client in `slot`; the total over all slots afterwards. When
 * the slot's table is full (65,536 distinct clients) the client is not counted and 0 is returned.
 */
uint32_t clients_enter(struct clients_segment *c, uint32_t slot, const struct client_key *key);
void clients_leave(struct clients_segment *c, uint32_t slot, const struct client_key *key);
