/* Every operator there is, and what several of them share. */
#pragma once

#include "waf/operators/operator.h"

extern const struct operator operator_begins_with, operator_contains, operator_contains_word,
    operator_detect_sqli, operator_detect_xss, operator_ends_with, operator_eq, operator_ge,
    operator_geo_lookup, operator_gt, operator_ip_match, operator_ip_match_from_file, operator_le,
    operator_lt, operator_no_match, operator_pm, operator_pm_from_file, operator_rbl, operator_rx,
    operator_streq, operator_strmatch, operator_unconditional_match, operator_validate_byte_range,
    operator_validate_url_encoding, operator_validate_utf8_encoding, operator_within;

/* A match whose TX.0 is a part of the value; match may be NULL. Returns 1. */
static inline int operator_matched(struct operator_match *match, size_t at, size_t len)
{
    if (match) {
        match->count = 1;
        match->spans[0] = (struct match_span){ .at = (uint32_t)at, .len = (uint32_t)len };
    }
    return 1;
}

/* Keeps the world that the rules ask, as what the operator is prepared with; all NULL when there is
 * none. 0 · -ENOMEM */
MUST_CHECK int operator_take_world(struct operator_setup *setup, void **ret_prepared);

/* Calls `each` with the content of every file that the argument names (between white space); the
 * problem names the file that cannot be read. 0 · -EINVAL · what `each` says */
MUST_CHECK int operator_read_files(struct operator_setup *setup, slice argument,
                                   int (*each)(void *context, slice file, slice content),
                                   void *context);
