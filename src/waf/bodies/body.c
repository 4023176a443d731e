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
