/* The inside of the prefilter: made by prefilter.c, read by prefilter_scan.c. */
#pragma once

#include "waf/patterns/automaton.h"
#include "waf/patterns/literals.h"
#include "waf/patterns/prefilter.h"

struct need_facts;

/* Sets of literals of which the prefilter keeps a bit while it scans. Patterns past them go by
 * guards. */
enum { CLAUSES_MAX = 2048, CLAUSE_WORDS = CLAUSES_MAX / 64 };

/* A target of the automaton: a clause, or a need that a phrase decides. */
#define TARGET_NEED 0x80000000u

struct need {
    uint64_t guards[2]; /* classes that must be met */
    uint32_t len_min;
    uint16_t clauses[LITERAL_SETS_MAX]; /* all must be hit; the rarest is the first */
    uint8_t clause_count;
    uint8_t kind;
    uint16_t condition; /* class; a value that meets it is a candidate without literals */
};

/* Lists of needs, one behind the other. */
struct lists {
    uint32_t *begins; /* one more than there are lists */
    uint32_t *needs;
};

struct prefilter {
    struct need *needs;
    struct need_facts *facts; /* until it is built */
    uint32_t count, room;
    bool is_built;

    struct byte_set classes[PREFILTER_CLASSES_MAX];
    unsigned class_count;
    struct prefilter_classes class_of_byte[256];

    struct automaton automaton;
    uint64_t clause_hashes[CLAUSES_MAX]; /* of the clauses' strings: the same is one */
    unsigned clause_count;

    struct lists of_class, of_clause;
    struct prefilter_classes listed; /* classes with a list */
    uint64_t *always;
};
