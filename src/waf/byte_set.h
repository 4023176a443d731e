/* A set of byte values: 256 bits. */
#pragma once

#include "base/slice.h"

struct byte_set {
    uint64_t bits[4];
};

static inline void byte_set_add(struct byte_set *s, unsigned char byte)
{
    s->bits[byte >> 6] |= UINT64_C(1) << (byte & 63);
}

static inline void byte_set_remove(struct byte_set *s, unsigned char byte)
{
    s->bits[byte >> 6] &= ~(UINT64_C(1) << (byte & 63));
}

static inline bool byte_set_has(const struct byte_set *s, unsigned char byte)
{
    return s->bits[byte >> 6] >> (byte & 63) & 1;
}

static inline bool byte_set_meets(const struct byte_set *a, const struct byte_set *b)
{
    return ((a->bits[0] & b->bits[0]) | (a->bits[1] & b->bits[1]) | (a->bits[2] & b->bits[2]) |
            (a->bits[3] & b->bits[3])) != 0;
}

static inline void byte_set_unite(struct byte_set *into, const struct byte_set *other)
{
    for (unsigned i = 0; i < 4; i++)
        into->bits[i] |= other->bits[i];
}

static inline void byte_set_invert(struct byte_set *s)
{
    for (unsigned i = 0; i < 4; i++)
        s->bits[i] = ~s->bits[i];
}

/* From first to last, both included. */
void byte_set_add_range(struct byte_set *s, unsigned char first, unsigned char last);

/* How many bytes are in it, 0 … 256. */
unsigned byte_set_count(const struct byte_set *s);
