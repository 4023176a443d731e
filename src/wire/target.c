#include <errno.h>

#include "wire/bytes.h"
#include "wire/uri.h"

static int refuse(const char **reason, const char *why)
{
    *reason = why;
    return -EINVAL;
}

/* Every '%' is followed by two hexadecimal digits. */
static bool escapes_are_whole(slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '%' &&
            (i + 2 >= s.len || hex_value(s.ptr[i + 1]) < 0 || hex_value(s.ptr[i + 2]) < 0))
            return false;
    return true;
}

static int split_query(slice text, struct request_target *t, const char **reason)
{
    size_t mark = slice_find_byte(text, '?');
    t->path = slice_first(text, mark);
    t->has_query = mark < text.len;
    t->query = slice_after(text, mark + 1);
    if (!escapes_are_whole(text))
        return refuse(reason, "uri.escape");
    return 0;
}

/* "http://host:port/path?query" (RFC 9112 §3.2.2). */
static int parse_absolute(slice raw, struct request_target *t, const char **reason)
{
    size_t colon = slice_find(raw, SLICE("://"));
    t->form = TARGET_ABSOLUTE;
    t->scheme = slice_first(raw, colon);
    if (!slice_equal_fold(t->scheme, SLICE("http")) && !slice_equal_fold(t->scheme, SLICE("https")))
        return refuse(reason, "uri.scheme");
    slice rest = slice_after(raw, colon + 3);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    if (slice_find_byte(slice_first(rest, end), '@') < end)
        return refuse(reason, "uri.userinfo");
    if (authority_parse(slice_first(rest, end), &t->authority) != 0)
        return refuse(reason, "uri.authority");
    TRY(split_query(slice_after(rest, end), t, reason));
    if (t->path.len == 0)
        t->path = SLICE("/");
    return 0;
}

int target_parse(slice raw, enum method method, struct request_target *ret, const char **ret_reason)
{
    struct request_target t = { .form = TARGET_ORIGIN };
    if (raw.len == 0)
        return refuse(ret_reason, "uri.target");
    if (method == METHOD_CONNECT) {
        t.form = TARGET_AUTHORITY;
        if (authority_parse(raw, &t.authority) != 0 || !t.authority.has_port)
            return refuse(ret_reason, "uri.authority");
    } else if (slice_equal(raw, SLICE("*"))) {
        t.form = TARGET_ASTERISK;
        t.path = raw;
        if (method != METHOD_OPTIONS)
            return refuse(ret_reason, "uri.asterisk");
    } else if (raw.ptr[0] == '/') {
        TRY(split_query(raw, &t, ret_reason));
    } else if (slice_find(raw, SLICE("://")) < raw.len) {
        TRY(parse_absolute(raw, &t, ret_reason));
    } else {
        return refuse(ret_reason, "uri.target");
    }
    *ret = t;
    return 0;
}

void uri_reference_write(struct writer *w, slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (byte_is(c, BYTE_TARGET) || c == '#')
            writer_byte(w, c);
        else
            writer_percent(w, (unsigned char)c);
    }
}
