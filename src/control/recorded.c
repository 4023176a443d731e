#include "control/recorded.h"

#include <errno.h>

#include "control/json_value.h"
#include "waf/engine/replay.h"
#include "wire/h1.h"

#define CLIENT_UNKNOWN "203.0.113.9" /* as `explain` has it; RFC 5737 */

/* --- JSON ------------------------------------------------------------------------------------- */

static uint64_t number_of(const json_t *object, const char *key)
{
    long long value = json_number_of(object, key);
    return value > 0 ? (uint64_t)value : 0;
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* Bytes stand as the characters of their number: two bytes of UTF-8 become one again. */
static int bytes_of(const json_t *object, const char *key, struct arena *a, slice *ret)
{
    slice text = json_text_of(object, key);
    char *bytes = arena_take(a, text.len + 1);
    size_t len = 0;
    if (!bytes)
        return -ENOMEM;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x80) {
            bytes[len++] = (char)c;
            continue;
        }
        if ((c != 0xc2 && c != 0xc3) || i + 1 >= text.len)
            return -EINVAL;
        bytes[len++] = (char)((c & 3) << 6 | (text.ptr[++i] & 0x3f));
    }
    *ret = slice_of(bytes, len);
    return 0;
}

static slice first_line(slice head)
{
    return slice_first(head, slice_find_byte(head, '\r'));
}

/* --- What was decided ------------------------------------------------------------------------- */

static void read_rules(const json_t *waf, struct recorded *r)
{
    const json_t *rules = json_object_get(waf, "rules");
    r->would_refuse = slice_equal(json_text_of(waf, "verdict"), SLICE("would-refuse"));
    for (size_t i = 0; i < json_array_size(rules); i++)
        r->has_responses |= number_of(json_array_get(rules, i), "phase") > WAF_REQUEST_BODY;
}

static void read_decision(const json_t *json, struct recorded *r)
{
    r->configuration = json_text_of(json, "configuration");
    r->generation = number_of(json, "generation");
    r->status = (unsigned)number_of(json, "status");
    r->reason = json_text_of(json, "reason");
    r->fault = json_text_of(json, "fault");
    r->has_server = json_text_of(json, "server").len != 0;
    read_rules(json_object_get(json, "waf"), r);
}

static int read_request(const json_t *request, struct arena *a, struct recorded *r)
{
    TRY(bytes_of(request, "head", a, &r->request.head));
    TRY(bytes_of(request, "body", a, &r->request.body));
    r->request.body_bytes = number_of(request, "body_bytes");
    r->line = first_line(r->request.head);
    r->head_is_cut = is_true(request, "head_is_cut");
    r->body_is_cut = is_true(request, "body_is_cut");
    r->body_is_missing = is_true(request, "body_is_missing");
    r->masked = (uint32_t)json_array_size(json_object_get(request, "masked"));
    return r->request.head.len ? 0 : -EINVAL;
}

/* Its head, where it was kept whole. */
static int read_response(const json_t *response, struct arena *a, struct recorded *r)
{
    if (is_true(response, "head_is_cut"))
        return 0;
    TRY(bytes_of(response, "head", a, &r->request.response));
    if (r->request.response.len)
        r->response_masked = (uint32_t)json_array_size(json_object_get(response, "masked"));
    return 0;
}

int recorded_read(const json_t *json, struct arena *a, struct recorded *ret)
{
    const json_t *request = json_object_get(json, "request");
    uint64_t port = number_of(json, "client_port");
    *ret = (struct recorded){ .id = json_text_of(json, "id"), .time = json_text_of(json, "time") };
    if (!json_is_object(request) || ret->id.len == 0 || port > UINT16_MAX ||
        ip_parse(json_text_of(json, "client"), &ret->request.client) != 0)
        return -EINVAL;
    TRY(read_request(request, a, ret));
    TRY(read_response(json_object_get(json, "origin_response"), a, ret));
    TRY(bytes_of(json, "site", a, &ret->site));
    TRY(bytes_of(json, "route", a, &ret->route));
    read_decision(json, ret);
    ret->listener = json_text_of(json, "listener");
    ret->request.client_port = (uint16_t)port;
    ret->request.scheme = json_text_of(json, "scheme");
    ret->request.ja4 = json_text_of(json, "ja4");
    ret->request.h2 = json_text_of(json, "h2");
    ret->request.id = ret->id;
    ret->request.now_ms = (int64_t)number_of(json, "time_ms");
    if (ret->body_is_missing) /* the head counted in: near enough for `limits body` */
        ret->request.body_bytes = number_of(json, "bytes_in");
    return 0;
}

/* --- From a file ------------------------------------------------------------------------------ */

int recorded_from_wire(slice bytes, struct arena *a, struct recorded *ret)
{
    struct replay_message m;
    *ret = (struct recorded){ 0 };
    bytes = slice_after(bytes, h1_skip_empty_lines(bytes));
    TRY(replay_split(bytes, a, &m));
    TRY(replay_frame(&m, a));
    TRY(ip_parse(SLICE(CLIENT_UNKNOWN), &ret->request.client));
    ret->request.head = slice_first(bytes, m.head_bytes);
    ret->request.body = m.body;
    ret->request.scheme = SLICE("http");
    ret->line = first_line(ret->request.head);
    return 0;
}
