/* The lazy deterministic automaton of a program: a state is a set of the program's steps, made when
 * it is first reached, and a table of where each class of bytes leads. One look into a table for
 * each byte.
 *
 * The states of all automata of a cache are bounded together. When there is no room the largest
 * start anew; a search that would need ever new states goes on from set to set without keeping
 * them: slower by the size of the set, still linear. States are never taken from under a search
 * that waits in a pause. */
#pragma once

#include "waf/patterns/cache.h"
#include "waf/patterns/program.h"

MUST_CHECK int dfa_new(const struct program *program, struct pattern_cache *cache,
                       struct dfa **ret_dfa);
void dfa_free(struct dfa *dfa);

/* Does the program match anywhere in the value?
 * ret_end  where it was sure: the least end of a match. Only set with 1
 * 1 · 0 · -errno of work_spend · -ENOMEM */
MUST_CHECK int dfa_search(struct dfa *dfa, slice value, struct work *work, size_t *ret_end);

/* How many states there are now. */
unsigned dfa_states(const struct dfa *dfa);
