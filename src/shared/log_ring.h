/* A log ring: one per worker slot, single producer (the worker), single consumer (the logger).
 *
 * The worker formats a line straight into the ring and commits it with one release store: what a
 * dying worker had not committed was never there. A full ring drops the line, and the worker counts
 * it; a request never waits for the log. The logger is woken through an eventfd only when the ring
 * turns non-empty while it sleeps. */
#pragma once

#include <stdatomic.h>

#include "base/slice.h"
#include "shared/counters.h"

#define LOG_RING_BYTES     (1u << 20)
#define LOG_LINE_BYTES_MAX 16384u
/* Of records that are longer than lines: what a reader believes at most. */
#define LOG_RECORD_BYTES_MAX 65536u

/* What both sides see. Positions only grow; their place in `data` is the position modulo
 * LOG_RING_BYTES. */
struct log_ring_shared {
    _Atomic uint64_t head; /* written by the worker: everything before it is complete */
    char padding_head[56];
    _Atomic uint64_t tail; /* written by the logger: everything before it is free */
    char padding_tail[56];
    char data[LOG_RING_BYTES];
};

struct log_rings {
    struct segment_header header;
    _Atomic uint32_t logger_sleeps; /* it wants to be woken by the next line */
    char padding[28];
    struct log_ring_shared rings[WORKER_SLOTS_MAX];
};

/* A worker's end of its ring. Process-local. */
struct log_ring {
    struct log_ring_shared *shared;
    struct log_rings *all;
    int wake_fd; /* eventfd of the logger; -1: none */
    uint64_t reserved_at;
    uint32_t reserved;
};

void log_ring_open(struct log_ring *r, struct log_rings *all, uint32_t slot, int wake_fd);

/* Room for a line of at most bytes_max <= LOG_RECORD_BYTES_MAX, contiguous, or NULL: drop it.
 * Nothing is visible until log_ring_commit(), which takes the bytes really written (with the
 * newline) and the id of the sink. */
MUST_CHECK char *log_ring_reserve(struct log_ring *r, uint32_t bytes_max);
void log_ring_commit(struct log_ring *r, uint32_t bytes, uint16_t sink);

/* Bytes that wait for the logger. */
uint64_t log_ring_used(const struct log_ring *r);

/* The logger's end: the oldest line of a ring, valid until log_ring_release. False: empty. What a
 * hostile worker wrote cannot lead outside the ring; a ring that makes no sense is emptied. */
bool log_ring_peek(struct log_ring_shared *r, slice *ret_line, uint16_t *ret_sink);
void log_ring_release(struct log_ring_shared *r);
