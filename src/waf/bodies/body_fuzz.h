/* What the fuzz targets of this folder share: a reader with small limits, and a sink that folds
 * every item into one number, so that two readings can be compared without keeping them. */
#pragma once

#include "base/fuzz.h"
#include "waf/bodies/body.h"

struct body_fuzz {
    struct body_reader reader;
    struct body_limits limits;
    struct arena arena;
    struct work work;
    uint64_t digest;
    uint32_t items;
};

enum { BODY_FUZZ_ARENA = 16 << 20 };

static inline void body_fuzz_digest(struct body_fuzz *f, slice s)
{
    for (size_t i = 0; i < s.len; i++)
        f->digest = (f->digest ^ (unsigned char)s.ptr[i]) * 0x100000001b3;
    f->digest = (f->digest ^ s.len) * 0x100000001b3;
}

static inline int body_fuzz_item(void *context, enum body_item kind, slice name, slice value)
{
    struct body_fuzz *f = context;
    ASSERT(kind < BODY_ITEM_COUNT);
    f->digest = (f->digest ^ kind) * 0x100000001b3;
    body_fuzz_digest(f, name);
    body_fuzz_digest(f, value);
    f->items++;
    return 0;
}

static inline void body_fuzz_open(struct body_fuzz *f)
{
    *f = (struct body_fuzz){ .digest = 0xcbf29ce484222325,
                             .limits = { .arguments_max = 200,
                                         .depth_max = 20,
                                         .parts_max = 20,
                                         .files_max = 5,
                                         .attributes_max = 100 } };
    arena_open(&f->arena, NULL, 0, 4096, BODY_FUZZ_ARENA);
    work_open(&f->work, 0, NULL, NULL);
    f->reader = (struct body_reader){ .sink = { .context = f, .item = body_fuzz_item },
                                      .limits = &f->limits,
                                      .arena = &f->arena,
                                      .work = &f->work };
}

/* What holds for every reading that came to its end; `len` bytes were read. */
static inline void body_fuzz_close(struct body_fuzz *f, size_t len)
{
    const struct body_state *state = &f->reader.state;
    ASSERT(!(state->flags & BODY_LIMITED) || (state->flags & BODY_ERROR));
    ASSERT(!(state->flags & BODY_ERROR) == (state->message[0] == '\0'));
    ASSERT(state->arguments <= f->limits.arguments_max);
    ASSERT(work_spent(&f->work) <= 130 * (uint64_t)len + 4096);
    arena_close(&f->arena);
}
