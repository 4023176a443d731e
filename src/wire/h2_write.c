#include "wire/h2_write.h"

#include <errno.h>

#include "base/panic.h"

/* RFC 9113 §8.2.2, and what is said in another way. `te` is added by who knows that it is wanted.
 */
static const uint64_t left_out =
    FIELD_BIT(FIELD_CONNECTION) | FIELD_BIT(FIELD_KEEP_ALIVE) | FIELD_BIT(FIELD_PROXY_CONNECTION) |
    FIELD_BIT(FIELD_TRANSFER_ENCODING) | FIELD_BIT(FIELD_UPGRADE) |
    FIELD_BIT(FIELD_HTTP2_SETTINGS) | FIELD_BIT(FIELD_TE) | FIELD_BIT(FIELD_HOST);

/* RFC 9113 §8.2: "field names MUST be converted to lowercase when constructing an HTTP/2 message"
 */
static slice lower_name(struct writer *names, slice name)
{
    char *to = writer_room(names, name.len);
    if (!to)
        return slice_of(NULL, 0);
    for (size_t i = 0; i < name.len; i++)
        to[i] = ascii_lower(name.ptr[i]);
    writer_advance(names, name.len);
    return slice_of(to, name.len);
}

int h2_write_fields(struct fields *list, struct writer *names, const struct fields *fs)
{
    for (uint32_t i = 0; i < fs->count; i++) {
        const struct field *f = &fs->items[i];
        if (f->dropped || (f->id != FIELD_OTHER && (FIELD_BIT(f->id) & left_out)))
            continue;
        /* Built by us or judged when it came: never what a peer chose freely. */
        ASSERT(field_name_is_token(f->name) && field_value_is_valid(f->value));
        slice name = lower_name(names, f->name);
        if (names->overflowed)
            return -EMSGSIZE;
        TRY(fields_add(list, name, slice_trim(f->value), f->id));
    }
    return 0;
}

int h2_write_request(struct fields *list, struct writer *names, const struct h2_request_line *line,
                     const struct fields *fs)
{
    TRY(fields_add(list, SLICE(":method"), line->method, FIELD_OTHER));
    if (line->protocol.len)
        TRY(fields_add(list, SLICE(":protocol"), line->protocol, FIELD_OTHER));
    TRY(fields_add(list, SLICE(":scheme"), line->scheme, FIELD_OTHER));
    if (line->authority.len)
        TRY(fields_add(list, SLICE(":authority"), line->authority, FIELD_OTHER));
    TRY(fields_add(list, SLICE(":path"), line->path, FIELD_OTHER));
    return h2_write_fields(list, names, fs);
}
