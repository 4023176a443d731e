/* A chain: bytes that wait for somebody, first in first out, in pooled buffers (within `limits
 * buffered`). An empty chain holds no buffer. Its owner closes it. */
#pragma once

#include "base/buffer.h"
#include "base/slice.h"

struct chain {
    struct buffer *first, *last; /* each begins with a pointer to the next */
    uint64_t length;             /* bytes in it */
};

/* Copies the bytes behind what is there. 0 · -ENOBUFS: only a part of them fitted; the chain is
 * good for nothing but chain_close(). */
MUST_CHECK int chain_append(struct chain *c, slice bytes);

/* The piece behind the first `at` bytes that lies in one buffer; empty at the end. Valid until it
 * is skipped. */
slice chain_piece(const struct chain *c, uint64_t at);

/* Copies up to `count` bytes from the front to `to` and drops them from the chain; how many. */
size_t chain_take(struct chain *c, char *to, size_t count);

/* Drops the first `count` bytes, which are there. */
void chain_skip(struct chain *c, uint64_t count);

void chain_close(struct chain *c); /* drops everything; usable again */
