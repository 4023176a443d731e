/* The one bounded writer of the project. Bytes are appended to memory that the caller owns; what
 * does not fit sets `overflowed`, writes nothing more, and the caller looks once at the end. Nobody
 * computes a length first and copies later. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

struct writer {
    char *ptr;
    size_t len;      /* bytes written */
    size_t capacity; /* bytes there are */
    bool overflowed; /* sticky */
};

static inline struct writer writer_over(void *memory, size_t capacity)
{
    return (struct writer){ .ptr = memory, .capacity = capacity };
}

static inline slice writer_slice(const struct writer *w)
{
    return slice_of(w->ptr, w->len);
}

static inline void writer_bytes(struct writer *w, const void *bytes, size_t count)
{
    if (UNLIKELY(w->overflowed || count > w->capacity - w->len)) {
        w->overflowed = true;
        return;
    }
    if (count)
        memcpy(w->ptr + w->len, bytes, count);
    w->len += count;
}

/* Room for `count` bytes at the end, to be written directly and then added with writer_advance();
 * NULL when they do not fit (`overflowed` is set). For what is short and written often. */
static inline char *writer_room(struct writer *w, size_t count)
{
    if (UNLIKELY(w->overflowed || count > w->capacity - w->len)) {
        w->overflowed = true;
        return NULL;
    }
    return w->ptr + w->len;
}

static inline void writer_advance(struct writer *w, size_t count)
{
    w->len += count;
}

static inline void writer_slice_add(struct writer *w, slice s)
{
    writer_bytes(w, s.ptr, s.len);
}

static inline void writer_byte(struct writer *w, char byte)
{
    writer_bytes(w, &byte, 1);
}

#define writer_literal(w, literal) writer_bytes((w), "" literal, sizeof(literal) - 1)

void writer_text(struct writer *w, const char *text);
void writer_decimal(struct writer *w, uint64_t value);
void writer_hex(struct writer *w, uint64_t value); /* lower case, no leading zeros */
void writer_hex_bytes(struct writer *w, const void *bytes, size_t count);
void writer_percent(struct writer *w, unsigned char byte); /* RFC 3986 §2.1: %2F */
void writer_format(struct writer *w, const char *format, ...)
    PRINTF(2, 3); /* not on the hot path */

/* Seconds with all six decimals: 1234567 us -> "1.234567". */
void writer_seconds_us(struct writer *w, int64_t microseconds);

/* The inside of a JSON string (RFC 8259 §7): quotes, backslash and controls escaped, bytes that are
 * not valid UTF-8 written as \u00XX, so that the line is always valid JSON. */
void writer_json(struct writer *w, slice s);
/* How many bytes at the front of a text stand for themselves there: printing ASCII but quotation
 * mark and backslash. */
size_t json_plain(slice s);

/* The inside of an HTML text or double-quoted attribute: & < > " ' become references. */
void writer_html(struct writer *w, slice s);
