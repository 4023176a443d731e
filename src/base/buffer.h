/* Pooled buffers of BUFFER_BYTES for bytes on the wire. They exist only while bytes are in them:
 * an idle connection has none. Released buffers stay warm in the process's pool (last in, first
 * out); the sum of buffers in use is bounded by one limit, `limits buffered`, for the process.
 *
 * One process, one thread, one pool: no locks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"

#define BUFFER_BYTES 16384u

struct buffer {
    uint32_t start, end; /* the bytes that are in it: memory[start .. end) */
    uint32_t capacity;   /* BUFFER_BYTES, or more for buffer_take_large */
    char memory[] __attribute__((aligned(16)));
};

/* Sets the bound on bytes in use; 0 means the default of 256 MiB. */
void buffer_limit(uint64_t bytes_max);

/* An empty buffer of BUFFER_BYTES, or NULL when the limit is reached or malloc refuses. For what
 * begins: a request. */
MUST_CHECK struct buffer *buffer_take(void);

/* An empty buffer of at least `capacity`, counted against the same limit; pooled only when it is no
 * larger than others. For what grows or waits: it is refused an eighth before the limit, so that
 * those who hold much cannot keep those out who want little. */
MUST_CHECK struct buffer *buffer_take_large(uint32_t capacity);

/* Gives it back; NULL is harmless. buffer_drop is for OWNS(). */
void buffer_release(struct buffer *b);
void buffer_drop(struct buffer **b);

uint64_t buffer_bytes_in_use(void);

/* More than half of the limit is in use: who can do with little should. */
bool buffers_are_scarce(void);

/* After buffer_take has failed: because of the limit, and not for want of memory. */
bool buffers_are_at_limit(void);

/* Frees the warm buffers of the pool above `keep`. */
void buffer_pool_trim(uint32_t keep);

static inline uint32_t buffer_length(const struct buffer *b)
{
    return b->end - b->start;
}

static inline uint32_t buffer_room(const struct buffer *b)
{
    return b->capacity - b->end;
}

/* Moves what is in it to the front, so that all free room is behind it. */
void buffer_compact(struct buffer *b);
