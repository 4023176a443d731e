/* A slice: bytes that somebody else owns. It is passed by value, is not NUL-terminated and is valid
 * as long as what it points into. The only typedef of the project. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/attributes.h"

typedef struct slice {
    const char *ptr;
    size_t len;
} slice;

/* printf("%.*s", SLICE_ARGUMENTS(s)) */
#define SLICE_ARGUMENTS(s) (int)(s).len, (s).ptr
#define SLICE(literal)     ((slice){ .ptr = "" literal, .len = sizeof(literal) - 1 })

static inline slice slice_of(const char *ptr, size_t len)
{
    return (slice){ .ptr = ptr, .len = len };
}

/* The bytes of a NUL-terminated string, without its end; NULL is the empty slice. */
static inline slice slice_from(const char *text)
{
    return (slice){ .ptr = text, .len = text ? strlen(text) : 0 };
}

static inline bool slice_equal(slice a, slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* What stands from `from` on; empty when there is less. */
static inline slice slice_after(slice s, size_t from)
{
    if (from >= s.len)
        return (slice){ .ptr = s.ptr + s.len, .len = 0 };
    return (slice){ .ptr = s.ptr + from, .len = s.len - from };
}

static inline slice slice_first(slice s, size_t count)
{
    return (slice){ .ptr = s.ptr, .len = count < s.len ? count : s.len };
}

static inline bool slice_starts_with(slice s, slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool slice_ends_with(slice s, slice suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

static inline char ascii_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c | 0x20) : c;
}

/* Of `len` bytes each. */
bool bytes_equal_fold(const char *a, const char *b, size_t len);

/* ASCII case folded; other bytes compare as they are (RFC 9110 §5.1, field names). */
static inline bool slice_equal_fold(slice a, slice b)
{
    return a.len == b.len && bytes_equal_fold(a.ptr, b.ptr, a.len);
}

/* Position of the first `byte`, or s.len. */
size_t slice_find_byte(slice s, char byte);

/* Index of the first of any of these bytes (a C string); s.len when there is none. */
size_t slice_find_any(slice s, const char *bytes);

/* Position of the first `needle`, or s.len when there is none. */
size_t slice_find(slice s, slice needle);

/* Without spaces and tabs at both ends (RFC 9110 §5.6.3, OWS). */
slice slice_trim(slice s);
slice slice_trim_left(slice s);
slice slice_trim_right(slice s);

/* memcmp order, the shorter first when one is the other's prefix: < 0, 0, > 0. */
int slice_compare(slice a, slice b);
