/* What requests and responses have in common in HTTP/2: the rules for one field of a list. Only
 * h2_*.c include this. */
#pragma once

#include "wire/h1.h"

/* Judges one field that is no pseudo-field: RFC 9113 §8.2, §8.2.1, §8.2.2. `te` may say "trailers"
 * in requests. 0 · -EPROTO · -EMSGSIZE, *e with status 400 or 431 */
MUST_CHECK int h2_field_judge(const struct field *f, const struct h1_limits *limits,
                              bool is_request, struct h1_error *e);

/* The size of a list as limits count it: each field's name, value and the 4 bytes that HTTP/1 needs
 * around them. 0 · -EMSGSIZE, *e with status 431 */
MUST_CHECK int h2_list_measure(const struct fields *list, const struct h1_limits *limits,
                               struct h1_error *e);

static inline bool h2_is_pseudo(const struct field *f)
{
    return f->name.len > 0 && f->name.ptr[0] == ':';
}
