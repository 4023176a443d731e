/* The bridge to PCRE2: it says what is a regular expression, gives the places of groups, and
 * decides what no automaton can. Always under a budget that grows with the value. */
#pragma once

#include "waf/patterns/cache.h"

/* What PCRE2 may take for one value: steps of its matcher for each byte, and at least and at most.
 * Deciding refuses when it is spent; for places it is not worth as much. */
enum {
    PCRE_DECIDE_PER_BYTE = 64,
    PCRE_CAPTURE_PER_BYTE = 16,
    PCRE_STEPS_MIN = 20000,
    PCRE_STEPS_MAX = 1000000,
};

/* 0 · -EINVAL · -ENOMEM */
MUST_CHECK int pcre_compile(slice text, bool is_caseless, pcre2_code **ret_code,
                            struct pattern_problem *ret_problem);

/* 1 · 0 · -EDQUOT its budget is spent · -ENOMEM. ret may be NULL. Does not pause: at most
 * PCRE_STEPS_MAX steps. */
MUST_CHECK int pcre_match(const pcre2_code *code, struct pattern_cache *cache, slice value,
                          size_t steps_per_byte, struct operator_match *ret);

/* What a call of pcre_match may have cost at most. */
size_t pcre_steps(slice value, size_t steps_per_byte);
