#include <errno.h>

#include "wire/bytes.h"
#include "wire/h1_parts.h"
#include "wire/uri.h"
#include "wire/websocket.h"

enum method method_of(slice token)
{
    static const struct {
        slice name;
        enum method method;
    } methods[] = {
        { SLICE("GET"), METHOD_GET },         { SLICE("HEAD"), METHOD_HEAD },
        { SLICE("POST"), METHOD_POST },       { SLICE("PUT"), METHOD_PUT },
        { SLICE("DELETE"), METHOD_DELETE },   { SLICE("OPTIONS"), METHOD_OPTIONS },
        { SLICE("PATCH"), METHOD_PATCH },     { SLICE("TRACE"), METHOD_TRACE },
        { SLICE("CONNECT"), METHOD_CONNECT },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++)
        if (slice_equal(methods[i].name, token))
            return methods[i].method;
    return METHOD_OTHER;
}

bool method_is_safe(enum method m)
{
    return m == METHOD_GET || m == METHOD_HEAD || m == METHOD_OPTIONS || m == METHOD_TRACE;
}

bool method_is_idempotent(enum method m)
{
    return method_is_safe(m) || m == METHOD_PUT || m == METHOD_DELETE;
}

/* RFC 9112 §3: method SP request-target SP HTTP-version. One space each, nothing else. */
static int parse_request_line(slice line, const struct h1_limits *limits, struct h1_request *r,
                              struct h1_error *e)
{
    size_t method_end = 0;
    while (method_end < line.len && byte_is(line.ptr[method_end], BYTE_TOKEN))
        method_end++;
    if (method_end == 0 || method_end == line.len || line.ptr[method_end] != ' ')
        return h1_fail(e, 400, "h1.method", "the method is not a token followed by a space",
                       method_end);
    r->method_text = slice_first(line, method_end);
    r->method = method_of(r->method_text);
    slice rest = slice_after(line, method_end + 1);
    size_t target_end = 0;
    while (target_end < rest.len && byte_is(rest.ptr[target_end], BYTE_TARGET))
        target_end++;
    size_t at = method_end + 1 + target_end;
    if (target_end > limits->target_bytes_max) {
        (void)h1_fail(e, 414, "h1.target-length",
                      "the target is longer than `limits target` allows", at);
        return -EMSGSIZE;
    }
    if (target_end == 0 || target_end == rest.len || rest.ptr[target_end] != ' ')
        return h1_fail(e, 400, "h1.target",
                       "the request target holds a byte that may not stand there", at);
    r->target = slice_first(rest, target_end);
    int minor = h1_version_parse(slice_after(rest, target_end + 1), at + 1, e);
    if (minor < 0)
        return minor;
    r->minor_version = (uint8_t)minor;
    return 0;
}

/* RFC 9112 §3.2: exactly one Host in HTTP/1.1, with a valid value. */
static int parse_host(struct h1_request *r, struct h1_error *e)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->fields.count; i++)
        if (r->fields.items[i].id == FIELD_HOST) {
            r->host = r->fields.items[i].value;
            count++;
        }
    if (count > 1)
        return h1_fail(e, 400, "h1.host", "Host is said more than once", 0);
    if (count == 0 && r->minor_version == 1)
        return h1_fail(e, 400, "h1.host", "Host is missing", 0);
    if (count && authority_parse(r->host, &r->authority) != 0)
        return h1_fail(e, 400, "h1.host", "Host is not a host with an optional port", 0);
    return 0;
}

/* RFC 9112 §6.3, the strict way: nothing that two parsers could understand differently. */
static int parse_framing(struct h1_request *r, struct h1_error *e)
{
    int said = h1_framing_of(&r->fields, r->minor_version, &r->content_length, e);
    if (said < 0)
        return said;
    r->framing = (enum h1_framing)said;
    return 0;
}

/* RFC 9110 §10.1.1: the only expectation there is. */
static int parse_expect(struct h1_request *r, struct h1_error *e)
{
    const struct field *expect = fields_find(&r->fields, FIELD_EXPECT);
    if (!expect)
        return 0;
    if (fields_count(&r->fields, FIELD_EXPECT) > 1 ||
        !slice_equal_fold(expect->value, SLICE("100-continue")))
        return r->minor_version == 0
                   ? 0
                   : h1_fail(e, 417, "h1.expect", "Expect is not 100-continue", 0);
    r->expects_continue = r->minor_version == 1 && r->framing != H1_FRAMING_NONE;
    return 0;
}

/* RFC 6455 §4.2.1. A handshake that names websocket is whole or refused; other protocols are not
 * switched to. */
static int parse_upgrade(struct h1_request *r, struct h1_error *e)
{
    const struct fields *fs = &r->fields;
    if (!fields_have_token(fs, FIELD_UPGRADE, SLICE("websocket")) ||
        !fields_have_token(fs, FIELD_CONNECTION, SLICE("upgrade")) || r->minor_version == 0)
        return 0;
    const struct field *upgrade = fields_find(fs, FIELD_UPGRADE);
    const struct field *key = fields_find(fs, FIELD_SEC_WEBSOCKET_KEY);
    const struct field *version = fields_find(fs, FIELD_SEC_WEBSOCKET_VERSION);
    if (version && !slice_equal(version->value, SLICE("13")))
        return h1_fail(e, 426, "websocket.version", "Sec-WebSocket-Version is not 13", 0);
    if (r->method != METHOD_GET || r->framing != H1_FRAMING_NONE || !version || !key ||
        fields_count(fs, FIELD_SEC_WEBSOCKET_KEY) != 1 ||
        fields_count(fs, FIELD_SEC_WEBSOCKET_VERSION) != 1 ||
        fields_count(fs, FIELD_UPGRADE) != 1 ||
        !slice_equal_fold(upgrade->value, SLICE("websocket")) ||
        !websocket_key_is_valid(key->value))
        return h1_fail(e, 400, "websocket.handshake", "the WebSocket handshake is malformed", 0);
    r->upgrades_to_websocket = true;
    return 0;
}

/* RFC 9112 §9.3. */
static bool keeps_alive(const struct h1_request *r)
{
    if (fields_have_token(&r->fields, FIELD_CONNECTION, SLICE("close")))
        return false;
    return r->minor_version == 1 ||
           fields_have_token(&r->fields, FIELD_CONNECTION, SLICE("keep-alive"));
}

/* Names that alias others in CGI-style back ends, where '-' becomes '_'. */
static void drop_aliasing(struct fields *fs)
{
    for (uint32_t i = 0; i < fs->count; i++)
        if (memchr(fs->items[i].name.ptr, '_', fs->items[i].name.len))
            fs->items[i].dropped = true;
}

int h1_settle_fields(struct h1_request *r, struct h1_error *e)
{
    drop_aliasing(&r->fields);
    TRY(parse_expect(r, e));
    /* Proxy: a CGI-style back end would take it for the variable HTTP_PROXY. */
    fields_drop_set(&r->fields, FIELD_BIT(FIELD_EXPECT) | FIELD_BIT(FIELD_PROXY) |
                                    FIELD_BIT(FIELD_PROXY_AUTHORIZATION));
    return 0;
}

int h1_request_parse(slice head, const struct h1_limits *limits, struct field *fields,
                     struct h1_request *ret, struct h1_error *reterr)
{
    slice line;
    size_t used;
    *ret = (struct h1_request){ .head = head,
                                .fields = { .items = fields, .capacity = limits->fields_max } };
    TRY(h1_first_line(head, &line, &used, reterr));
    TRY(parse_request_line(line, limits, ret, reterr));
    TRY(h1_fields_parse(head, used, limits, &ret->fields, reterr));
    TRY(parse_host(ret, reterr));
    TRY(parse_framing(ret, reterr));
    TRY(h1_settle_fields(ret, reterr));
    TRY(parse_upgrade(ret, reterr));
    ret->keep_alive = keeps_alive(ret);
    return h1_drop_hop_by_hop(&ret->fields, reterr);
}
