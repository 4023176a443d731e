/* A configuration source: the text of one file (or of the command line) with its name, and spans in
 * it. Sources live in an arena and outlive every tree and span that points into them. */
#pragma once

#include "base/slice.h"

struct source {
    slice name; /* as messages show it: the path as the user wrote it */
    slice text;
    const struct source *included_from; /* NULL for the first one */
    uint32_t index;                     /* in the order of reading */
};

/* A piece of a source. line and column count from 1; columns count characters, not bytes. A span
 * without a source stands for something that no file says (the command line, a built-in). */
struct span {
    const struct source *source;
    uint32_t offset, length;
    uint32_t line, column;
};

/* The bytes of a span; empty without a source. */
static inline slice span_text(const struct span *s)
{
    return s->source ? slice_of(s->source->text.ptr + s->offset, s->length) : slice_of("", 0);
}

/* From the first byte of `a` to the last byte of `b`, both in one source and in this order. */
static inline struct span span_join(const struct span *a, const struct span *b)
{
    struct span joined = *a;
    joined.length = b->offset + b->length - a->offset;
    return joined;
}

/* The whole line that the span begins in, without its line end. */
slice span_line(const struct span *s);
/* Characters (UTF-8 sequences; every stray byte counts as one) in the text. */
uint32_t text_columns(slice text);
