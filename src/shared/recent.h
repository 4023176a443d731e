/* Recent exchanges: for each worker slot a ring of records that overwrites its oldest. It survives
 * reloads, workers that die, and upgrades that keep the layout; a new worker of a slot goes on
 * where the last one stopped. A record is one JSON object, as filters/recent.c
 * writes it.
 *
 * The worker alone writes to its ring. `tail` moves past what is going to be overwritten before it
 * is, `head` past a record after it has been written: what a dying worker had begun was never
 * there. Readers copy, and then look whether `tail` has passed what they copied; nothing that
 * stands in a ring leads them outside of it. Memory is used as far as it was ever written to: at
 * most RECENT_RING_BYTES for each slot that had a worker. */
#pragma once

#include <stdatomic.h>

#include "base/slice.h"
#include "shared/counters.h"
#include "shared/segment.h"

#define RECENT_RING_BYTES       (2u << 20)
#define RECENT_RECORD_BYTES_MAX (80u << 10)

/* Positions only grow; their place in the ring is the position modulo RECENT_RING_BYTES. */
struct recent_position {
    _Atomic uint64_t head; /* everything before it is complete */
    _Atomic uint64_t tail; /* everything before it is overwritten */
    char padding[48];
};

struct recent_segment {
    struct segment_header header;
    char padding[40];
    struct recent_position positions[WORKER_SLOTS_MAX]; /* apart: a ring nobody used stays a hole */
    char rings[WORKER_SLOTS_MAX][RECENT_RING_BYTES];
};

/* --- By the worker ---------------------------------------------------------------------------- */

/* A worker's end of its ring. Process-local; positions are believed from here only. */
struct recent {
    struct recent_position *position;
    char *ring;
    uint64_t head, tail, reserved_at;
    uint32_t reserved;
};

void recent_open(struct recent *r, struct recent_segment *all, uint32_t slot);

/* Room for a record of at most bytes_max <= RECENT_RECORD_BYTES_MAX, aligned to 8 bytes: there is
 * always some, the oldest records make it. Nothing is visible until recent_commit(), which takes
 * the bytes really written. */
char *recent_reserve(struct recent *r, uint32_t bytes_max);
void recent_commit(struct recent *r, uint32_t bytes);

/* --- By readers ------------------------------------------------------------------------------- */

/* One slot's records from the oldest to the newest that there was when the walk began. */
struct recent_walk {
    const struct recent_position *position;
    const char *ring;
    uint64_t at, end;
};

void recent_walk_open(struct recent_walk *w, const struct recent_segment *all, uint32_t slot);

/* Copies the record at which the walk stands, or its first `room` bytes, and says how long it is.
 * False: there is none any more. A copy is consistent; it is what the worker wrote, who may be
 * hostile. */
bool recent_walk_read(struct recent_walk *w, char *to, uint32_t room, uint32_t *ret_bytes);
/* On to the next one, after a read. */
void recent_walk_pass(struct recent_walk *w, uint32_t bytes);
