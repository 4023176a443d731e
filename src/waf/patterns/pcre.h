/* The bridge to PCRE2: it says what is a regular expression, gives the places of groups, and
 * decides what no automaton can.
 *
 * PCRE2's own limits bound neither time nor the sum over all places where a match could begin. So
 * patterns are compiled with a callout before each item, which counts items and the bytes moved
 * over between them, spends them as work (the caller may be paused inside) and ends the search when
 * its budget is gone. */
#pragma once

#include "waf/patterns/cache.h"

/* What PCRE2 may take for one value: steps for each byte of it, at least and at most. Deciding
 * refuses when they are spent; the places of groups are not worth as much. */
enum {
    PCRE_DECIDE_PER_BYTE = 250,
    PCRE_CAPTURE_PER_BYTE = 50,
    PCRE_STEPS_MIN = 100000,
    PCRE_STEPS_MAX = 20000000,
};

/* 0 · -EINVAL · -ENOMEM */
MUST_CHECK int pcre_compile(slice text, bool is_caseless, pcre2_code **ret_code,
                            struct pattern_problem *ret_problem);

/* steps_per_byte  of its budget
 * ret             may be NULL
 * 1 · 0 · -ENOBUFS its budget is spent · -ENOMEM · -errno of work_spend */
MUST_CHECK int pcre_match(const pcre2_code *code, struct pattern_cache *cache, slice value,
                          size_t steps_per_byte, struct operator_match *ret, struct work *work);
