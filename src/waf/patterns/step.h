/* One step of the machine of a program: from the set of steps that it is in, over one byte, to the
 * next set. Sets are ascending lists of OP_BYTES and of OP_ASSERT that wait for the byte ahead. */
#pragma once

#include "waf/patterns/cache.h"
#include "waf/patterns/program.h"

/* What stands before a place in the value, as far as assertions ask. */
enum context { BEHIND_BEGIN, BEHIND_WORD, BEHIND_LINE, BEHIND_OTHER, CONTEXTS };

struct step_set {
    const uint16_t *steps;
    unsigned count;
    enum context context;
};

/* Behind a byte of this class. */
enum context step_context(const struct program *program, unsigned class);

/* The set in which a search begins at a place with this context. false: it matches at once. Result
 * in ret_steps (room for program->count); *cost grows by what was looked at. */
bool step_start(const struct program *program, struct pattern_cache *cache, enum context context,
                uint16_t *ret_steps, unsigned *ret_count, size_t *cost);

enum step_result { STEP_ON, STEP_MATCHED };

/* Over a byte of the class, or to the end of the value (class == program->classes). What is reached
 * is added to cache->reached. */
enum step_result step_over(const struct program *program, struct pattern_cache *cache,
                           struct step_set from, unsigned class, size_t *cost);

/* Adds steps that are known to be reached. */
void step_add(struct pattern_cache *cache, const uint16_t *steps, unsigned count);

/* Writes what has been reached behind a byte, without what others make needless, and clears it. */
unsigned step_take(const struct program *program, struct pattern_cache *cache, enum context context,
                   uint16_t *ret_steps, size_t *cost);
