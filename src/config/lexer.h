/* The words of the configuration language. A lexer walks one source and gives one token at a time;
 * what cannot be read is reported to `diagnostics` and comes as a broken token, so that the parser
 * can go on and find the other errors. Pure; allocates nothing.
 *
 * '{' opens a block unless a letter follows it: then it begins a run-time variable inside a word,
 * such as {client.ip}. '#' begins a comment where a word could begin. '\' at the end of a line
 * continues it. */
#pragma once

#include "config/diagnostics.h"
#include "config/source.h"

enum token_kind {
    TOKEN_WORD,   /* bare */
    TOKEN_STRING, /* "quoted", escapes not yet decoded */
    TOKEN_RAW,    /* `raw` */
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_SEMICOLON,
    TOKEN_NEWLINE,
    TOKEN_COMMENT,
    TOKEN_END
};

struct token {
    enum token_kind kind;
    struct span span;     /* with quotes */
    bool after_space;     /* white space or a line's begin stands before it */
    bool first_on_line;   /* nothing but white space stands before it */
    bool continued;       /* a "\" line end stands before it */
    bool has_reference;   /* contains ${...} */
    bool has_escape;      /* TOKEN_STRING: contains a '\' */
    bool is_broken;       /* an error was reported for it */
    bool is_layout_error; /* TOKEN_OPEN: white space is missing behind it (reported) */
};

struct lexer {
    const struct source *source;
    struct diagnostics *diagnostics;
    size_t at;
    uint32_t line;
    size_t counted_at; /* columns are counted up to here */
    uint32_t counted_columns;
    bool line_is_empty; /* nothing but white space so far */
};

void lexer_open(struct lexer *l, const struct source *source, struct diagnostics *d);
/* The next token; TOKEN_END for ever at the end. */
void lexer_next(struct lexer *l, struct token *ret);
