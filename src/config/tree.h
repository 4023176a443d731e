/* The syntax tree of one source, lossless: statements, blocks, words and comments with their
 * places, so that `fmt` can write the file again without losing anything. It knows nothing of
 * directives.
 *
 * Everything lives in the caller's arena. Parsing never fails for what is in the text: errors go to
 * `diagnostics`, the statement is marked broken, and parsing goes on behind it. */
#pragma once

#include "base/arena.h"
#include "config/lexer.h"

#define TREE_DEPTH_MAX     16u
#define TREE_ARGUMENTS_MAX 65536u

struct comment {
    struct comment *next;
    struct span span; /* with '#', without white space at its end */
    bool blank_before;
};

struct comment_list {
    struct comment *first, *last;
};

/* A name or an argument. */
struct word {
    enum token_kind kind; /* TOKEN_WORD, TOKEN_STRING, TOKEN_RAW */
    struct span span;
    slice text; /* the value: decoded, but references ${...} still in it */
    bool has_reference, has_escape;
    bool continued; /* stands on a continuation line */
};

struct directive;
struct directive_values;

struct statement {
    struct statement *parent; /* the root for top-level statements; NULL for the root */
    struct statement *next, *first, *last; /* sibling, children */
    struct word name;
    struct word *arguments;
    uint32_t argument_count;
    uint32_t depth; /* 0: the root */
    bool has_block;
    bool is_broken;  /* an error was reported for it: nothing more is said about it */
    bool has_broken; /* it or something inside it is broken */
    bool blank_before;
    bool is_unsure;          /* its '}' is missing: what stands inside may belong elsewhere */
    bool is_inline;          /* made of its parent's arguments: "timeout idle 1h" */
    struct span open, close; /* close.source NULL: the end of the file closed it */
    struct comment_list before;
    struct comment *after_open; /* on the line of '{' */
    struct comment_list before_close;
    struct comment *after; /* on the line of its end */
    /* filled by schema_check() */
    const struct directive *directive;
    struct directive_values *values;
};

struct tree {
    const struct source *source;
    struct statement root;  /* its before_close: comments at the end of the file */
    uint32_t errors;        /* that leave the meaning open */
    uint32_t layout_errors; /* that `fmt` can mend */
};

/* 0, even with errors in the text · -ENOMEM */
MUST_CHECK int tree_parse(struct tree *t, const struct source *source, struct arena *a,
                          struct diagnostics *d);

/* Marks a statement and everything around it. */
void statement_mark_broken(struct statement *s);

/* The statement behind s in text order, its children first; NULL at the end of the tree. With
 * `skips_children` its block is stepped over. */
struct statement *statement_following(struct statement *s, bool skips_children);

/* The value of a word for a message: what stands in the file when the value came from outside. */
static inline slice word_shown(const struct word *word, slice value)
{
    return word->has_reference ? span_text(&word->span) : value;
}

/* From the name to the last argument. */
struct span statement_span(const struct statement *s);

/* Where it stands, for people: "portcullis.conf:12:3", in the arena. 0 · -ENOMEM */
MUST_CHECK int statement_where(const struct statement *s, struct arena *a, slice *ret);

/* Decodes the escapes of a string's inside. `to` has room for inside.len bytes; the bytes written.
 */
size_t string_decode(slice inside, char *to);
