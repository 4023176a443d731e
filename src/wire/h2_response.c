#include "wire/h2_response.h"

#include <errno.h>

#include "wire/bytes.h"
#include "wire/h1_parts.h"
#include "wire/h2_parts.h"

/* RFC 9113 §8.3.2, §15 of RFC 9110: three digits. */
static int parse_status(slice text, struct h1_response *r, struct h1_error *e)
{
    if (text.len != 3 || !bytes_are(text, BYTE_DIGIT) || text.ptr[0] < '1' || text.ptr[0] > '5')
        return h1_fail(e, 502, "h2.status", ":status is not three digits from 100 to 599", 0);
    r->status =
        (uint16_t)((text.ptr[0] - '0') * 100 + (text.ptr[1] - '0') * 10 + (text.ptr[2] - '0'));
    /* RFC 9113 §8.6: "HTTP/2 removes support for the 101 (Switching Protocols)" */
    if (r->status == 101)
        return h1_fail(e, 502, "h2.status", "HTTP/2 has no status 101", 0);
    return 0;
}

/* :status once and in front of all fields; no other pseudo-field. */
static int parse_list(struct fields *list, const struct h1_limits *limits, struct h1_response *r,
                      struct h1_error *e)
{
    if (list->count == 0 || !slice_equal(list->items[0].name, SLICE(":status")))
        return h1_fail(e, 502, "h2.pseudo-field", ":status does not come first", 0);
    TRY(parse_status(list->items[0].value, r, e));
    for (uint32_t i = 1; i < list->count; i++) {
        if (h2_is_pseudo(&list->items[i]))
            return h1_fail(e, 502, "h2.pseudo-field",
                           "a response has a pseudo-field that is not its one :status", 0);
        TRY(h2_field_judge(&list->items[i], limits, false, e));
    }
    return 0;
}

static struct fields behind_status(const struct fields *list)
{
    return (struct fields){ .items = list->items + 1,
                            .count = list->count - 1,
                            .capacity = list->capacity - 1,
                            .present = list->present };
}

/* RFC 9113 §8.1, §8.1.1. What content-length says of a response without a body by its nature is
 * kept (HEAD, 304). */
static int parse_framing(struct h1_response *r, const struct h2_question *q, struct h1_error *e)
{
    int sized = h1_content_length(&r->fields, &r->content_length, e);
    if (sized < 0)
        return sized;
    bool interim = r->status < 200, bodiless = interim || r->status == 204;
    if (interim && q->ends_stream)
        return h1_fail(e, 502, "h2.interim", "an interim response ends the stream", 0);
    /* RFC 9110 §8.6: not in 1xx and 204. */
    if (bodiless && sized && r->content_length > 0)
        return h1_fail(e, 502, "h1.body-forbidden", "a 1xx or 204 response announces a body", 0);
    r->has_length = sized && !bodiless;
    if (bodiless || r->status == 304 || q->method == METHOD_HEAD)
        return 0; /* H1_FRAMING_NONE */
    if (q->asked_websocket && r->status < 300) {
        /* RFC 8441 §5, RFC 9110 §9.3.6: the tunnel has no length */
        if (sized || q->ends_stream)
            return h1_fail(e, 502, "websocket.accept",
                           "the origin's side of the handshake is wrong", 0);
        r->is_websocket = true;
        return 0;
    }
    if (q->ends_stream && sized && r->content_length > 0)
        return h1_fail(e, 502, "h2.content-length", "content-length does not agree with the body",
                       0);
    if (sized || q->ends_stream)
        r->framing = H1_FRAMING_LENGTH;
    else
        r->framing = H1_FRAMING_CHUNKED;
    return 0;
}

int h2_response_parse(struct fields *list, const struct h1_limits *limits,
                      const struct h2_question *question, struct h1_response *ret,
                      struct h1_error *reterr)
{
    *ret = (struct h1_response){ .minor_version = 1, .keep_alive = true };
    int result = h2_list_measure(list, limits, reterr);
    if (result == 0)
        result = parse_list(list, limits, ret, reterr);
    if (result == 0) {
        ret->fields = behind_status(list);
        result = parse_framing(ret, question, reterr);
    }
    if (result == 0)
        fields_drop_set(&ret->fields,
                        FIELD_BIT(FIELD_PROXY_AUTHENTICATE) | FIELD_BIT(FIELD_TRAILER));
    reterr->status = 502;
    return result;
}

/* RFC 9110 §6.5.1: "a sender MUST NOT generate a trailer field unless ... the field name's
 * definition permits". What is not known to do harm goes on; these would. */
static bool may_trail(const struct field *f)
{
    static const uint64_t never =
        FIELD_BIT(FIELD_ACCEPT) | FIELD_BIT(FIELD_ACCEPT_ENCODING) |
        FIELD_BIT(FIELD_AUTHORIZATION) | FIELD_BIT(FIELD_CONTENT_LENGTH) |
        FIELD_BIT(FIELD_CONTENT_TYPE) | FIELD_BIT(FIELD_COOKIE) | FIELD_BIT(FIELD_DATE) |
        FIELD_BIT(FIELD_EXPECT) | FIELD_BIT(FIELD_FORWARDED) | FIELD_BIT(FIELD_HOST) |
        FIELD_BIT(FIELD_LOCATION) | FIELD_BIT(FIELD_PROXY) | FIELD_BIT(FIELD_PROXY_AUTHENTICATE) |
        FIELD_BIT(FIELD_PROXY_AUTHORIZATION) | FIELD_BIT(FIELD_RETRY_AFTER) |
        FIELD_BIT(FIELD_SEC_WEBSOCKET_ACCEPT) | FIELD_BIT(FIELD_SERVER) |
        FIELD_BIT(FIELD_SET_COOKIE) | FIELD_BIT(FIELD_TRAILER) | FIELD_BIT(FIELD_VIA) |
        FIELD_BIT(FIELD_X_FORWARDED_FOR) | FIELD_BIT(FIELD_X_FORWARDED_HOST) |
        FIELD_BIT(FIELD_X_FORWARDED_PORT) | FIELD_BIT(FIELD_X_FORWARDED_PROTO) |
        FIELD_BIT(FIELD_X_POWERED_BY) | FIELD_BIT(FIELD_X_REAL_IP) | FIELD_BIT(FIELD_X_REQUEST_ID);
    static const slice names[] = {
        SLICE("age"),
        SLICE("cache-control"),
        SLICE("content-encoding"),
        SLICE("content-range"),
        SLICE("expires"),
        SLICE("max-forwards"),
        SLICE("pragma"),
        SLICE("range"),
        SLICE("vary"),
        SLICE("warning"),
        SLICE("www-authenticate"),
        SLICE("strict-transport-security"),
    };
    if (f->id != FIELD_OTHER)
        return !(FIELD_BIT(f->id) & never);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (slice_equal(f->name, names[i]))
            return false;
    return !slice_starts_with(f->name, SLICE("if-"));
}

int h2_trailers_parse(struct fields *list, const struct h1_limits *limits, struct h1_error *reterr)
{
    int result = h2_list_measure(list, limits, reterr);
    for (uint32_t i = 0; result == 0 && i < list->count; i++) {
        struct field *f = &list->items[i];
        /* RFC 9113 §8.1: "Trailers MUST NOT include pseudo-header fields" */
        if (h2_is_pseudo(f))
            result =
                h1_fail(reterr, 502, "h2.pseudo-field", "a pseudo-field stands in trailers", 0);
        else
            result = h2_field_judge(f, limits, false, reterr);
        f->dropped = f->dropped || !may_trail(f);
    }
    reterr->status = 502;
    return result;
}
