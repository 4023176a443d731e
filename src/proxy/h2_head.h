/* A list of fields of HTTP/2 as it came, while it waits: pairs of names and values behind each
 * other in one buffer, which grows. Its owner drops it. */
#pragma once

#include "base/buffer.h"
#include "wire/field.h"

/* What limits count a field besides its name and value: ": " and CR LF of HTTP/1. */
#define FIELD_OVERHEAD 4u

struct h2_head {
    struct buffer *pairs;
    uint32_t count;   /* of fields */
    bool ends_stream; /* no body follows */
    bool too_large;   /* over a limit: not all of it is here */
};

/* 0 · -ENOBUFS `limits buffered` */
MUST_CHECK int h2_head_add(struct h2_head *head, slice name, slice value);

/* As limits count it. */
uint64_t h2_head_bytes(const struct h2_head *head);

/* Adds its fields to the list. Slices point into the head. 0 · -EMSGSIZE the list is full */
MUST_CHECK int h2_head_fields(const struct h2_head *head, struct fields *list);

/* Its next field. *at begins at 0. False: there are no more. */
bool h2_head_next(const struct h2_head *head, size_t *at, slice *ret_name, slice *ret_value);

void h2_head_drop(struct h2_head *head); /* for OWNS() */
