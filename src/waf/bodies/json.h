/* JSON bodies as arguments, named as ModSecurity 3 does.
 *
 *     {"a":{"b":[1,{"c":"d"}]},"":2}   json.a.b.array_0=1  json.a.b.array_1.c=d  json.empty-key=2
 *     [[1]]                            json.array_0.array_0=1
 *     "x"                              json=x
 *
 * Numbers as written, true and false as words, null as the empty value. An empty object or array is
 * an argument with an empty value, so that no key is left unseen. Duplicate keys are all seen.
 * Malformed: BODY_ERROR. Bounds: depth, arguments, the length of a name and of all names. */
#pragma once

#include "waf/bodies/body.h"

enum { JSON_NAME_MAX = 65536, JSON_NAMES_DEFAULT = 8 << 20 };

/* An empty body has no arguments. */
MUST_CHECK int json_read(struct body_reader *r, slice body);

/* For other readers: the same with another beginning than `json` for the names, of a text that
 * stands at `at` in the body. `names` is zeroed to begin with and serves one text after the other,
 * so that many short texts cost little memory. Returns BODY_STOPPED when the text is malformed. */
struct json_frame;
struct json_names {
    struct body_text path;     /* the name of the value that comes next */
    struct json_frame *frames; /* of the containers that are open */
    uint32_t frames_capacity;
};

MUST_CHECK int json_read_named(struct body_reader *r, struct json_names *names, slice text,
                               slice root, size_t at);

/* Whether it is a JSON text within the bound of depth. 1 · 0 · -EDQUOT, -ECANCELED */
MUST_CHECK int json_is_valid(const struct body_reader *r, slice text);
