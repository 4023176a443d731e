/* The syntax tree of a regular expression, in the arena that it was parsed into. */
#pragma once

#include "base/arena.h"
#include "waf/byte_set.h"

enum node_kind {
    NODE_EMPTY,     /* the empty string */
    NODE_SET,       /* one byte of `set`; an empty set matches nothing */
    NODE_CONCAT,    /* children one after the other */
    NODE_ALTERNATE, /* one of the children */
    NODE_REPEAT,    /* the child, min … max times */
    NODE_ASSERT,    /* the empty string, at certain places */
    NODE_ANYTHING,  /* any string: stands for what the tree cannot say */
};

enum assertion {
    AT_TEXT_BEGIN,
    AT_TEXT_END,
    AT_LINE_BEGIN, /* (?m)^: behind a line feed, but not behind one that ends the text */
    AT_LINE_END,   /* (?m)$ */
    AT_WORD_EDGE,
    NOT_AT_WORD_EDGE,
};

enum { NODE_UNBOUNDED = UINT32_MAX, NODE_DEPTH_MAX = 1000 };

struct node {
    enum node_kind kind;
    enum assertion assertion;
    uint32_t min, max;
    bool is_possessive;
    struct node *first, *last; /* children */
    struct node *next, *previous;
    struct byte_set set;
};

/* NULL without memory. */
MUST_CHECK struct node *node_new(struct arena *arena, enum node_kind kind);
void node_append(struct node *parent, struct node *child);
void node_remove(struct node *parent, struct node *child);

/* The least length of a match; saturates. */
size_t node_length_min(const struct node *node);

/* Takes away what does not change whether something matches unanchored: at both ends repetitions
 * shrink to their least. Inside the arena's tree; returns the root. */
struct node *node_trim(struct node *root);
