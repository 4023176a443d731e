#include <errno.h>

#include "wire/bytes.h"
#include "wire/h1_parts.h"
#include "wire/h2_parts.h"

/* What a line of HTTP/1 needs besides name and value: ": " and CR LF. */
#define FIELD_OVERHEAD 4u

/* RFC 9113 §8.2.2: "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific
 * header fields." */
static const uint64_t connection_specific =
    FIELD_BIT(FIELD_CONNECTION) | FIELD_BIT(FIELD_KEEP_ALIVE) | FIELD_BIT(FIELD_PROXY_CONNECTION) |
    FIELD_BIT(FIELD_TRANSFER_ENCODING) | FIELD_BIT(FIELD_UPGRADE) | FIELD_BIT(FIELD_HTTP2_SETTINGS);

static bool has_upper_case(slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
            return true;
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static int judge_value(slice value, struct h1_error *e)
{
    if (!bytes_are_value(value))
        return h1_fail(e, 400, "h2.field-value", "a field value holds a control character", 0);
    /* RFC 9113 §8.2.1: "A field value MUST NOT start or end with an ASCII whitespace character" */
    if (value.len && (is_space(value.ptr[0]) || is_space(value.ptr[value.len - 1])))
        return h1_fail(e, 400, "h2.field-value", "a field value begins or ends with white space",
                       0);
    return 0;
}

int h2_field_judge(const struct field *f, const struct h1_limits *limits, bool is_request,
                   struct h1_error *e)
{
    if (has_upper_case(f->name))
        return h1_fail(e, 400, "h2.field-name", "a field name holds an upper-case letter", 0);
    if (!field_name_is_token(f->name))
        return h1_fail(e, 400, "h2.field-name", "a field name is empty or not a token", 0);
    if (f->name.len + f->value.len + FIELD_OVERHEAD > (uint64_t)limits->line_bytes_max + 2) {
        (void)h1_fail(e, 431, "h2.field-length", "a field is longer than `limits line` allows", 0);
        return -EMSGSIZE;
    }
    TRY(judge_value(f->value, e));
    if (FIELD_BIT(f->id) & connection_specific & ~FIELD_BIT(FIELD_OTHER))
        return h1_fail(e, 400, "h2.connection-field",
                       "a field of the connection stands in an HTTP/2 message", 0);
    if (f->id == FIELD_TE && !(is_request && slice_equal_fold(f->value, SLICE("trailers"))))
        return h1_fail(e, 400, "h2.connection-field", "TE says something else than \"trailers\"",
                       0);
    return 0;
}

int h2_list_measure(const struct fields *list, const struct h1_limits *limits, struct h1_error *e)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < list->count; i++)
        bytes += list->items[i].name.len + list->items[i].value.len + FIELD_OVERHEAD;
    if (bytes <= limits->head_bytes_max)
        return 0;
    (void)h1_fail(e, 431, "h2.head-length", "the fields are longer than `limits head` allows", 0);
    return -EMSGSIZE;
}
