/* The bridge to PCRE2: it says what is a regular expression, gives the places of groups, and
 * decides what no automaton can.
 *
 * PCRE2's own limits bound neither time nor the sum over all places where a match could begin. So
 * patterns are compiled with a callout before each item, which counts items and the bytes moved
 * over between them, spends them as work (the caller may be paused inside) and ends the search when
 * its budget is gone. */
#pragma once

#include "waf/patterns/cache.h"

/* What PCRE2 may take for one value, in steps: so many for each byte, at least and at most. A step
 * is some 10 ns. */
struct pcre_budget {
    size_t per_byte, min, max;
};

/* For deciding: when it is spent the value is refused. For the places of groups behind a match that
 * is sure: when it is spent they are left out, so 16 KiB stay below a millisecond. */
extern const struct pcre_budget pcre_decide, pcre_capture;

/* 0 · -EINVAL · -ENOMEM */
MUST_CHECK int pcre_compile(slice text, bool is_caseless, pcre2_code **ret_code,
                            struct pattern_problem *ret_problem);

/* ret may be NULL.
 * 1 · 0 · -ENOBUFS its budget is spent · -ENOMEM · -errno of work_spend */
MUST_CHECK int pcre_match(const pcre2_code *code, struct pattern_cache *cache, slice value,
                          const struct pcre_budget *budget, struct operator_match *ret,
                          struct work *work);
