/* For tests: strings that a pattern probably matches, written from its own tree, and mutations of
 * them. */
#pragma once

#include "waf/patterns/tree.h"

enum { SAMPLE_BYTES_MAX = 4096 };

struct sample {
    uint64_t random; /* the seed; the same gives the same */
    size_t len;
    char bytes[SAMPLE_BYTES_MAX];
};

uint64_t sample_random(struct sample *sample, uint64_t below);

/* Appends a string of the tree's language, cut to the room. Assertions are not looked at. */
void sample_append(struct sample *sample, const struct node *node);

/* Changes a byte, takes some out, doubles some, swaps case or puts bytes around. */
void sample_mutate(struct sample *sample);

static inline slice sample_slice(const struct sample *sample)
{
    return slice_of(sample->bytes, sample->len);
}
