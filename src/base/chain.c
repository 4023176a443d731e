#include "base/chain.h"

#include <errno.h>

#include "base/panic.h"

#define LINK_BYTES ((uint32_t)sizeof(struct buffer *))

static struct buffer *next_of(const struct buffer *b)
{
    struct buffer *next;
    memcpy(&next, b->memory, sizeof next);
    return next;
}

static void set_next(struct buffer *b, struct buffer *next)
{
    memcpy(b->memory, &next, sizeof next);
}

static struct buffer *add_buffer(struct chain *c)
{
    struct buffer *b = buffer_take_large(BUFFER_BYTES);
    if (!b)
        return NULL;
    set_next(b, NULL);
    b->start = b->end = LINK_BYTES;
    if (c->last)
        set_next(c->last, b);
    else
        c->first = b;
    c->last = b;
    return b;
}

int chain_append(struct chain *c, slice bytes)
{
    while (bytes.len) {
        struct buffer *b = c->last;
        if ((!b || buffer_room(b) == 0) && !(b = add_buffer(c)))
            return -ENOBUFS;
        size_t count = bytes.len < buffer_room(b) ? bytes.len : buffer_room(b);
        memcpy(b->memory + b->end, bytes.ptr, count);
        b->end += (uint32_t)count;
        c->length += count;
        bytes = slice_after(bytes, count);
    }
    return 0;
}

slice chain_piece(const struct chain *c, uint64_t at)
{
    for (const struct buffer *b = c->first; b; b = next_of(b)) {
        if (at < buffer_length(b))
            return slice_of(b->memory + b->start + at, (size_t)(buffer_length(b) - at));
        at -= buffer_length(b);
    }
    return slice_of(NULL, 0);
}

static void drop_first(struct chain *c)
{
    struct buffer *b = c->first;
    c->first = next_of(b);
    if (!c->first)
        c->last = NULL;
    buffer_release(b);
}

void chain_skip(struct chain *c, uint64_t count)
{
    ASSERT(count <= c->length);
    c->length -= count;
    while (count) {
        struct buffer *b = c->first;
        uint32_t here = count < buffer_length(b) ? (uint32_t)count : buffer_length(b);
        b->start += here;
        count -= here;
        if (buffer_length(b) == 0)
            drop_first(c);
    }
}

size_t chain_take(struct chain *c, char *to, size_t count)
{
    size_t taken = 0;
    while (taken < count && c->length) {
        slice piece = slice_first(chain_piece(c, 0), count - taken);
        memcpy(to + taken, piece.ptr, piece.len);
        taken += piece.len;
        chain_skip(c, piece.len);
    }
    return taken;
}

void chain_close(struct chain *c)
{
    while (c->first)
        drop_first(c);
    c->length = 0;
}
