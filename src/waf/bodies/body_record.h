/* For tests: a reader whose sink writes every item down as text, one a line, so that a test
 * compares one string: `arg a=1`, `file up=x.txt`, `size up=3`, `head up=Content-Type: text/plain`,
 * `xml =t`, `attribute id=1`. Bytes outside of printable ASCII are written as \xNN. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/test.h"
#include "waf/bodies/body.h"

struct body_record {
    struct body_reader reader;
    struct body_limits limits;
    struct arena arena;
    struct work work;
    char *text; /* of RECORD_BYTES, NUL-terminated */
    size_t len;
    unsigned items;
    int refuse_at; /* the number of the item at which the sink says -EPIPE; negative: never */
};

enum { RECORD_BYTES = 1 << 18, RECORD_ARENA_MAX = 256 << 20 };

static inline void body_record_bytes(struct body_record *r, slice s)
{
    for (size_t i = 0; i < s.len && r->len + 8 < RECORD_BYTES; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '\\';
        r->len +=
            (size_t)snprintf(r->text + r->len, RECORD_BYTES - r->len, plain ? "%c" : "\\x%02x", c);
    }
}

static inline int body_record_item(void *context, enum body_item kind, slice name, slice value)
{
    static const char *const words[BODY_ITEM_COUNT] = {
        [BODY_ARG] = "arg ",
        [BODY_FILE] = "file ",
        [BODY_FILE_SIZE] = "size ",
        [BODY_PART_HEADER] = "head ",
        [BODY_XML_TEXT] = "xml ",
        [BODY_XML_PART] = "part ",
        [BODY_XML_ATTRIBUTE] = "attribute ",
    };
    struct body_record *r = context;
    if (r->refuse_at >= 0 && r->items == (unsigned)r->refuse_at)
        return -EPIPE;
    r->items++;
    body_record_bytes(r, slice_from(words[kind]));
    body_record_bytes(r, name);
    body_record_bytes(r, SLICE("="));
    body_record_bytes(r, value);
    if (r->len + 2 < RECORD_BYTES)
        r->text[r->len++] = '\n';
    r->text[r->len] = '\0';
    return 0;
}

/* arena_max: 0 for plenty. */
static inline void body_record_open(struct body_record *r, struct body_limits limits,
                                    size_t arena_max)
{
    *r = (struct body_record){ .limits = limits, .refuse_at = -1 };
    r->text = calloc(1, RECORD_BYTES);
    ASSERT(r->text);
    arena_open(&r->arena, NULL, 0, 4096, arena_max ? arena_max : RECORD_ARENA_MAX);
    work_open(&r->work, 0, NULL, NULL);
    r->reader = (struct body_reader){ .sink = { .context = r, .item = body_record_item },
                                      .limits = &r->limits,
                                      .arena = &r->arena,
                                      .work = &r->work };
}

static inline void body_record_close(struct body_record *r)
{
    arena_close(&r->arena);
    free(r->text);
    *r = (struct body_record){ 0 };
}
