/* What a compiled pattern is made of, for the prefilter and for tests. */
#pragma once

#include "waf/patterns/dfa.h"
#include "waf/patterns/pcre.h"
#include "waf/patterns/syntax.h"

struct pattern {
    slice text; /* copied */
    bool is_caseless;
    bool is_exact; /* the automaton decides */
    bool is_whole; /* a match is the whole value, and there are no groups */
    struct pattern_cache *cache;
    struct program *program; /* NULL: too large for one; PCRE2 decides alone */
    struct dfa *dfa;
    pcre2_code *code;
};

/* The tree once more, in an arena of the caller's: it is not kept. Trimmed (node_trim). 0 · -ENOMEM
 */
MUST_CHECK int pattern_tree(const struct pattern *pattern, struct arena *arena,
                            struct node **ret_root);
