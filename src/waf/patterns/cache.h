/* What all patterns of a process share (see pattern.h): the bound of their states, and room to work
 * in between two pauses. */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "waf/patterns/pattern.h"

struct dfa;

/* A set of steps while it is made. */
struct marks {
    uint64_t *words;
    unsigned low, high; /* words that may be other than 0; low > high: none */
};

struct pattern_cache {
    size_t bytes, bytes_max;
    struct dfa *first; /* all automata that may hold states */
    unsigned steps;    /* the longest program */
    struct marks reached, ahead;
    uint16_t *stack, *steps_out, *steps_in, *steps_from;
    pcre2_match_context *pcre_context;
    pcre2_match_data *pcre_match;
};

/* Room for programs of that many steps. 0 · -ENOMEM */
MUST_CHECK int pattern_cache_fit(struct pattern_cache *cache, unsigned steps);
