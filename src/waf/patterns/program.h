/* A regular expression as a program of a nondeterministic machine: sets of bytes, forks,
 * assertions. Bytes that no set tells apart share a class. Read only once built. */
#pragma once

#include "waf/byte_set.h"
#include "waf/patterns/tree.h"

enum { PROGRAM_STEPS_MAX = 60000, PROGRAM_SETS_MAX = 4096 };

enum program_op { OP_MATCH, OP_BYTES, OP_FORK, OP_ASSERT };

/* How the steps of a repeated set relate: whoever is at one can do whatever those that it makes
 * needless can. */
enum chain_order { CHAIN_NONE, CHAIN_KEEP_LOWEST, CHAIN_KEEP_HIGHEST };

struct program_step {
    uint16_t next;
    union {
        uint16_t other; /* OP_FORK */
        uint16_t set;   /* OP_BYTES */
        uint16_t assertion;
    };
    uint16_t chain; /* OP_BYTES: number of its chain, 0 none */
    uint8_t op;
    uint8_t order; /* of the chain */
};

struct program {
    struct program_step *steps;
    unsigned count;
    unsigned start;
    uint64_t *accepts; /* per set: a bit per class */
    unsigned sets, set_words;
    uint8_t class_of[256];
    uint8_t byte_of[256]; /* a byte of each class */
    unsigned classes;
    bool is_anchored; /* matches can only begin at the beginning */
    bool has_word_edges, has_lines;
    bool start_asks; /* what can begin at a place depends on the byte before it */
    bool is_exact;   /* possessive quantifiers make no difference */
};

/* root: trimmed or not. 0 · -E2BIG too large · -ENOMEM */
MUST_CHECK int program_build(const struct node *root, struct program **ret_program);
void program_free(struct program *program);
size_t program_bytes(const struct program *program);

static inline bool program_accepts(const struct program *p, const struct program_step *step,
                                   unsigned class)
{
    return p->accepts[(size_t)step->set * p->set_words + (class >> 6)] >> (class & 63) & 1;
}
