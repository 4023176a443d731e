/* What the files of the reader of regular expressions share: where it is, and what is in force
 * there. */
#pragma once

#include "waf/patterns/tree.h"

struct reader_flags {
    bool caseless, multiline, dotall, extended;
};

struct reader {
    slice text;
    size_t at;
    struct arena *arena;
    struct reader_flags flags;
    unsigned depth;
    bool is_inexact; /* the tree takes more than the pattern */
    bool has_possessive;
    bool is_quoted; /* between \Q and \E */
};

/* An errno of its own for what the reader gives up: the whole pattern becomes NODE_ANYTHING. */
enum { READER_GIVES_UP = 1 };

static inline bool reader_ended(const struct reader *r)
{
    return r->at >= r->text.len;
}

static inline unsigned char reader_peek(const struct reader *r, size_t ahead)
{
    return r->at + ahead < r->text.len ? (unsigned char)r->text.ptr[r->at + ahead] : 0;
}

static inline bool reader_accept(struct reader *r, slice word)
{
    if (!slice_starts_with(slice_after(r->text, r->at), word))
        return false;
    r->at += word.len;
    return true;
}

/* Both cases of every letter in the set. */
void reader_fold(struct byte_set *set);

/* Behind a backslash: one of \d \D \h \H \s \S \v \V \w \W \N. Moves only when it is. */
bool reader_escape_set(struct reader *r, struct byte_set *ret_set);

/* Behind a backslash: an escape that stands for one byte, in a class or outside; the letter that it
 * begins with is none of a set's, and digits are octal. 0 · READER_GIVES_UP */
MUST_CHECK int reader_escape_byte(struct reader *r, unsigned char *ret_byte);

/* Behind [ : a class up to its ]. 0 · READER_GIVES_UP */
MUST_CHECK int reader_class(struct reader *r, struct byte_set *ret_set);
