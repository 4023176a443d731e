#include <errno.h>

#include "wire/bytes.h"
#include "wire/h1_parts.h"
#include "wire/websocket.h"

/* RFC 9112 §4: HTTP-version SP status-code SP [ reason-phrase ]. The last space may be missing. */
static int parse_status_line(slice line, struct h1_response *r, struct h1_error *e)
{
    if (line.len < 12 || line.ptr[8] != ' ')
        return h1_fail(e, 502, "h1.status-line", "the status line is malformed", 0);
    int minor = h1_version_parse(slice_first(line, 8), 0, e);
    if (minor < 0)
        return minor;
    slice code = slice_of(line.ptr + 9, 3);
    if (!bytes_are(code, BYTE_DIGIT) || code.ptr[0] < '1' || code.ptr[0] > '5' ||
        (line.len > 12 && line.ptr[12] != ' '))
        return h1_fail(e, 502, "h1.status", "the status is not three digits from 100 to 599", 9);
    r->minor_version = (uint8_t)minor;
    r->status =
        (uint16_t)((code.ptr[0] - '0') * 100 + (code.ptr[1] - '0') * 10 + (code.ptr[2] - '0'));
    r->reason_phrase = slice_after(line, 13);
    if (!field_value_is_valid(r->reason_phrase))
        return h1_fail(e, 502, "h1.status-line", "the reason phrase holds a control character", 13);
    return 0;
}

/* RFC 9112 §6.3 in its order. */
static int parse_framing(struct h1_response *r, const struct h1_question *q, struct h1_error *e)
{
    int said = h1_framing_of(&r->fields, r->minor_version, &r->content_length, e);
    if (said < 0)
        return said;
    bool chunked = said == H1_FRAMING_CHUNKED, sized = said == H1_FRAMING_LENGTH;
    bool interim = r->status < 200, bodiless = interim || r->status == 204;
    /* RFC 9112 §6.1, RFC 9110 §8.6: neither may stand in 1xx and 204. */
    if (bodiless && (chunked || (sized && r->content_length > 0)))
        return h1_fail(e, 502, "h1.body-forbidden", "a 1xx or 204 response announces a body", 0);
    r->has_length = sized && !bodiless;
    if (bodiless || r->status == 304 || q->method == METHOD_HEAD)
        r->framing = H1_FRAMING_NONE;
    else if (chunked)
        r->framing = H1_FRAMING_CHUNKED;
    else
        r->framing = sized ? H1_FRAMING_LENGTH : H1_FRAMING_CLOSE;
    return 0;
}

/* A tunnel only after a switch that was asked for, and whose accept value proves who answers. */
static int judge_switch(struct h1_response *r, const struct h1_question *q, struct h1_error *e)
{
    if (r->status != 101)
        return 0;
    const struct field *accept = fields_find(&r->fields, FIELD_SEC_WEBSOCKET_ACCEPT);
    char expected[WEBSOCKET_ACCEPT_LENGTH];
    if (!q->asked_websocket)
        return h1_fail(e, 502, "h1.switch", "the origin switches protocols without being asked", 0);
    if (!fields_have_token(&r->fields, FIELD_UPGRADE, SLICE("websocket")) ||
        !fields_have_token(&r->fields, FIELD_CONNECTION, SLICE("upgrade")) || !accept ||
        fields_count(&r->fields, FIELD_SEC_WEBSOCKET_ACCEPT) != 1 ||
        websocket_accept(q->websocket_key, expected) != 0 ||
        !slice_equal(accept->value, slice_of(expected, sizeof expected)))
        return h1_fail(e, 502, "websocket.accept", "the origin's side of the handshake is wrong",
                       0);
    r->is_websocket = true;
    return 0;
}

static bool keeps_alive(const struct h1_response *r)
{
    if (fields_have_token(&r->fields, FIELD_CONNECTION, SLICE("close")))
        return false;
    return r->minor_version == 1 ||
           fields_have_token(&r->fields, FIELD_CONNECTION, SLICE("keep-alive"));
}

static int parse(slice head, const struct h1_limits *limits, const struct h1_question *question,
                 struct h1_response *ret, struct h1_error *reterr)
{
    slice line;
    size_t used;
    TRY(h1_first_line(head, &line, &used, reterr));
    TRY(parse_status_line(line, ret, reterr));
    TRY(h1_fields_parse(head, used, limits, &ret->fields, reterr));
    TRY(parse_framing(ret, question, reterr));
    TRY(judge_switch(ret, question, reterr));
    ret->keep_alive = keeps_alive(ret) && ret->framing != H1_FRAMING_CLOSE;
    TRY(h1_drop_hop_by_hop(&ret->fields, reterr));
    fields_drop(&ret->fields, FIELD_PROXY_AUTHENTICATE);
    return 0;
}

int h1_response_parse(slice head, const struct h1_limits *limits, struct field *fields,
                      const struct h1_question *question, struct h1_response *ret,
                      struct h1_error *reterr)
{
    *ret = (struct h1_response){ .head = head,
                                 .fields = { .items = fields, .capacity = limits->fields_max } };
    int result = parse(head, limits, question, ret, reterr);
    if (result != 0)
        reterr->status = 502;
    return result;
}
