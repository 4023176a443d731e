/* A log ring: one per worker slot, single producer (the worker), single consumer (the logger).
 *
 * The worker formats a line straight into the ring and commits it with one release store: what a
 * dying worker had not committed was never there. A full ring drops the line, and the worker counts
 * it; a request never waits for the log. The logger is woken through an eventfd only when the ring
 * turns non-empty while it sleeps. */
#pragma once

#include "base/slice.h"

#define LOG_RING_BYTES     (1u << 20)
#define LOG_LINE_BYTES_MAX 16384u

struct log_ring; /* the layout is in log_ring.c; one fits in LOG_RING_BYTES + a page */

/* Which sink (file, stdout …) of the generation a line goes to. */
enum log_channel { LOG_REQUESTS, LOG_SECURITY, LOG_CHANNELS };

/* Room for a line of at most bytes_max <= LOG_LINE_BYTES_MAX, contiguous, or NULL: drop it. Nothing
 * is visible until log_ring_commit(), which takes the bytes really written (with the newline) and
 * the id of the sink. */
MUST_CHECK char *log_ring_reserve(struct log_ring *r, uint32_t bytes_max);
void log_ring_commit(struct log_ring *r, uint32_t bytes, uint16_t sink);
