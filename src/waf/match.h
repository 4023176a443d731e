/* Where an operator found what it looks for: places in the value it was given. */
#pragma once

#include "base/slice.h"

enum { MATCH_SPANS_MAX = 10 }; /* the whole and nine groups: TX:0 … TX:9 */

struct match_span {
    uint32_t at, len;
};

struct operator_match {
    unsigned count; /* spans that are set; a group that took no part is {0, 0} */
    struct match_span spans[MATCH_SPANS_MAX];
    slice word;    /* TX:0 where it is not part of the value (a fingerprint); otherwise empty */
    char text[16]; /* where `word` may point to */
};
