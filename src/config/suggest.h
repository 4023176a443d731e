/* "Did you mean": the nearest of several words by edit distance. Pure. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b, letter case apart
 * (optimal string alignment; Damerau 1964). Words longer than 48 bytes count as UINT32_MAX. */
uint32_t edit_distance(slice a, slice b);

/* A running search for the nearest candidate. */
struct suggestion {
    slice wanted;
    slice best; /* empty: nothing is near enough */
    uint32_t distance;
};
struct suggestion suggestion_for(slice wanted);
/* Takes the candidate when it is nearer than the ones before. Near enough is one error in a word of
 * three letters, two from five, three from nine. */
void suggestion_offer(struct suggestion *s, slice candidate);
