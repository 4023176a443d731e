/* Lines and words of SecLang, as Apache reads a configuration file (ModSecurity 2 lives in it).
 *
 * A directive is one line; a backslash before the end of a line joins the next one to it, also in a
 * comment. Lines that begin with # are comments. Words are parted by white space, or stand in "…"
 * or '…'. In a word \\ is a backslash, and in quotes \ and the quote is the quote; every other
 * backslash stands for itself. */
#pragma once

#include "base/arena.h"
#include "waf/problem.h"

enum { READER_WORDS_MAX = 1024, READER_LINE_BYTES_MAX = 1 << 20 };

/* Where a run of decoded bytes comes from. */
struct reader_mark {
    uint32_t at; /* in reader_line.text */
    uint32_t line, column;
};

/* One directive. Valid until the next is read, but for the bytes of its words. */
struct reader_line {
    slice text; /* the decoded words, a NUL behind each */
    struct {
        slice *items;
        unsigned count, capacity;
    } words;
    struct {
        struct reader_mark *items;
        unsigned count, capacity;
    } marks;
};

struct seclang_reader {
    slice text;
    size_t at;
    uint32_t line;      /* from 1 */
    size_t line_begins; /* offset */
    struct arena *words, *scratch;
    struct reader_line found;
};

/* text must stay; words: where decoded words go; scratch: what is needed until the last line. */
void seclang_reader_open(struct seclang_reader *r, slice text, struct arena *words,
                         struct arena *scratch);

/* The next directive, in r->found: it has at least one word.
 * 1 · 0 there is none · -EINVAL malformed, ret_problem has line, column and text, and the next call
 * goes on behind it · -ENOMEM */
MUST_CHECK int seclang_reader_next(struct seclang_reader *r, struct waf_problem *ret_problem);

/* Line and column of a byte of the words, or of the first when it is none of theirs. */
void reader_place(const struct reader_line *line, const char *byte, struct waf_problem *ret_place);
