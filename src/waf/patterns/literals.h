/* What a syntax tree says about the strings that a match must have. */
#pragma once

#include "waf/patterns/tree.h"

enum {
    LITERAL_SETS_MAX = 3,
    LITERAL_STRINGS_MAX = 2000,
    LITERAL_BYTES_MIN = 2,
    LITERAL_EVASIONS_MAX = 16
};

struct literal_set {
    slice *strings; /* lower case, none within another */
    unsigned count;
    double probability; /* that an ordinary value has one */
};

/* A match has, of each set, one of its strings. The rarest set is the first. */
struct literals {
    struct literal_set sets[LITERAL_SETS_MAX];
    unsigned count;
    bool never; /* there is no match at all */
};

/* absent: bytes that the value does not have. Results in the arena. 0 · -ENOMEM */
MUST_CHECK int literals_find(const struct node *root, const struct byte_set *absent,
                             struct arena *arena, struct literals *ret_literals);

/* That an ordinary value has what is required. */
double literals_probability(const struct literals *literals);

/* Sets of bytes that the tree allows in optional parts, between what it must have, and that
 * ordinary values seldom have: without them its strings are plainer. No letters and digits. Returns
 * how many, the rarest first. */
unsigned literals_evasions(const struct node *root, struct byte_set ret_sets[LITERAL_EVASIONS_MAX]);
