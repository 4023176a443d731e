/* A regular expression as ModSecurity 2 understands it: PCRE's language over bytes, DOTALL and
 * DOLLAR_ENDONLY, unanchored.
 *
 * Whether it matches is decided by a lazy deterministic automaton in time linear in the value: one
 * step a byte, whatever the pattern. Its states are made when they are first reached and are
 * bounded (struct pattern_cache); past the bound the automaton goes on without keeping them, still
 * linear. What an automaton cannot take (lookaround, backreferences, atomic groups, possessive
 * quantifiers that matter) is decided by PCRE2 under a budget, and only where an automaton that
 * takes more than the pattern does has said yes.
 *
 * A pattern is compiled when a configuration is loaded. Its text, tree and program are never
 * written to afterwards; states grow in the process that uses them, which must be a single thread.
 * Several fibers may be inside one pattern at a time. */
#pragma once

#include "base/slice.h"
#include "waf/match.h"
#include "waf/work.h"

struct node;
struct pattern;
struct pattern_cache;

enum pattern_flags { PATTERN_CASELESS = 1 };

enum { PATTERN_TEXT_MAX = 65536, PATTERN_CACHE_BYTES = 16 << 20, PATTERN_PROBLEM_MAX = 256 };

/* What is wrong with a pattern, and where in it. */
struct pattern_problem {
    size_t at;
    char text[PATTERN_PROBLEM_MAX];
};

/* What all patterns of one process share: the bound of their states, and room to work in. Lives
 * longer than the patterns. bytes_max: of all states together; the patterns that use most of it are
 * the first to start anew. 0 · -ENOMEM */
MUST_CHECK int pattern_cache_open(size_t bytes_max, struct pattern_cache **ret_cache);
void pattern_cache_free(struct pattern_cache *cache);
size_t pattern_cache_bytes(const struct pattern_cache *cache);

/* text         copied
 * ret_problem  set with -EINVAL; may be NULL
 * returns      0 · -EINVAL not a regular expression, or too large · -ENOMEM */
MUST_CHECK int pattern_compile(slice text, unsigned flags, struct pattern_cache *cache,
                               struct pattern **ret_pattern, struct pattern_problem *ret_problem);
void pattern_free(struct pattern *pattern);

slice pattern_text(const struct pattern *pattern);

/* The automaton alone decides: no value can cost more than its length. Otherwise PCRE2 has a part.
 */
bool pattern_is_linear(const struct pattern *pattern);

/* 1 matches · 0 does not · -EDQUOT the transaction's work or PCRE2's budget is spent (refuse: it
 * might have matched) · -ECANCELED · -ENOMEM */
MUST_CHECK int pattern_matches(struct pattern *pattern, slice value, struct work *work);

/* The places of the whole match and of the groups, leftmost-first as PCRE2 gives them. Only for a
 * value of which pattern_matches said yes. Where PCRE2's budget does not suffice, the one span is
 * from the beginning to where the automaton was sure.
 * 1 · 0 it does not match · -errno as pattern_matches */
MUST_CHECK int pattern_capture(struct pattern *pattern, slice value, struct operator_match *ret,
                               struct work *work);
