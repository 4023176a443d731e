#include "waf/bodies/body.h"

#include <stdarg.h>
#include <stdio.h>

int body_fail(struct body_reader *r, uint32_t flags, size_t at, const char *format, ...)
{
    if (!(r->state.flags & BODY_ERROR)) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(r->state.message, sizeof r->state.message, format, arguments);
        va_end(arguments);
        r->state.error_at = at;
    }
    r->state.flags |= flags;
    return BODY_STOPPED;
}

int body_argument(struct body_reader *r, slice name, slice value, size_t at)
{
    if (r->limits->arguments_max != 0 && r->state.arguments >= r->limits->arguments_max)
        return body_fail(r, BODY_ERROR | BODY_LIMITED, at, "more than %u arguments",
                         r->limits->arguments_max);
    r->state.arguments++;
    TRY(work_spend(r->work, BODY_ITEM_STEPS));
    return body_item(r, BODY_ARG, name, value);
}

int body_text_reserve(struct body_text *t, struct arena *arena, size_t more)
{
    if (more <= t->capacity - t->len)
        return 0;
    size_t capacity = t->capacity ? t->capacity : 128;
    while (capacity - t->len < more) {
        if (capacity > SIZE_MAX / 2)
            return -ENOMEM;
        capacity *= 2;
    }
    char *grown = arena_take_bytes(arena, capacity);
    if (!grown)
        return -ENOMEM;
    if (t->len)
        memcpy(grown, t->ptr, t->len);
    t->ptr = grown;
    t->capacity = capacity;
    return 0;
}

int body_text_add(struct body_text *t, struct arena *arena, slice more)
{
    TRY(body_text_reserve(t, arena, more.len));
    if (more.len)
        memcpy(t->ptr + t->len, more.ptr, more.len);
    t->len += more.len;
    return 0;
}

struct body_chunk {
    struct body_chunk *next;
    size_t len, capacity;
    char bytes[];
};

enum { CHUNK_MIN = 224, CHUNK_MAX = 65536 };

static int add_chunk(struct body_rope *rope, struct arena *arena)
{
    size_t capacity = rope->last ? 2 * rope->last->capacity : CHUNK_MIN;
    if (capacity > CHUNK_MAX)
        capacity = CHUNK_MAX;
    struct body_chunk *chunk = arena_take_bytes(arena, sizeof *chunk + capacity);
    if (!chunk)
        return -ENOMEM;
    *chunk = (struct body_chunk){ .capacity = capacity };
    if (rope->last)
        rope->last->next = chunk;
    else
        rope->first = chunk;
    rope->last = chunk;
    return 0;
}

int body_rope_add(struct body_rope *rope, struct arena *arena, slice more)
{
    while (more.len) {
        if (!rope->last || rope->last->len == rope->last->capacity)
            TRY(add_chunk(rope, arena));
        struct body_chunk *chunk = rope->last;
        slice part = slice_first(more, chunk->capacity - chunk->len);
        memcpy(chunk->bytes + chunk->len, part.ptr, part.len);
        chunk->len += part.len;
        rope->len += part.len;
        more = slice_after(more, part.len);
    }
    return 0;
}

int body_rope_join(const struct body_rope *rope, const struct body_reader *r, slice *ret)
{
    const struct body_chunk *chunk = rope->first;
    if (!chunk || !chunk->next) {
        *ret = chunk ? slice_of(chunk->bytes, chunk->len) : SLICE("");
        return 0;
    }
    char *joined = arena_take_bytes(r->arena, rope->len);
    if (!joined)
        return -ENOMEM;
    size_t len = 0;
    for (; chunk; chunk = chunk->next) {
        TRY(work_copy(r->work, joined + len, slice_of(chunk->bytes, chunk->len)));
        len += chunk->len;
    }
    *ret = slice_of(joined, len);
    return 0;
}
