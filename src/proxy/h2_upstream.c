/* What an exchange does on a stream of its own: see proxy/upstream_protocol.h. */
#include "proxy/h2_upstream.h"

#include <errno.h>

#include "proxy/fetch.h"
#include "proxy/gate_state.h"
#include "proxy/grpc.h"
#include "proxy/h2_stream.h"
#include "proxy/scratch.h"
#include "proxy/upstream_protocol.h"
#include "wire/h2_response.h"
#include "wire/h2_write.h"
#include "wire/websocket.h"

/* Pseudo-fields, te and content-length, besides the client's fields. */
#define FIELDS_ADDED 8u

/* The largest window that a stream is given, with room for the heads of small frames. */
#define LATE_BYTES (2u << 20)

static struct h2_session *session_of(const struct exchange *x)
{
    return &h2_link_of(x->upstream)->session;
}

/* No more requests on a connection whose server breaks rules: it closes with its last stream. */
static void retire(const struct exchange *x)
{
    session_of(x)->is_going = true;
}

/* --- The request as the origin gets it -------------------------------------------------------- */

static slice since(const struct writer *w, size_t before)
{
    return slice_of(w->ptr + before, w->len - before);
}

static struct h2_request_line request_line(const struct exchange *x, struct writer *w)
{
    struct h2_request_line line = { .method = x->request.method_text };
    bool is_websocket = x->request.upgrades_to_websocket;
    size_t before = w->len;
    fetch_write_authority(x, w);
    line.authority = since(w, before);
    before = w->len;
    fetch_write_path(x, w);
    line.path = since(w, before);
    line.scheme = x->upstream->socket.tls ? SLICE("https") : SLICE("http");
    if (is_websocket) {
        line.method = SLICE("CONNECT");
        line.protocol = SLICE("websocket");
    }
    return line;
}

/* RFC 8441 §5: "the Sec-WebSocket-Key and Sec-WebSocket-Accept header fields are not processed".
 * The field stays for our answer to the client. */
static int write_fields(struct exchange *x, const struct h2_request_line *line, struct writer *w,
                        struct fields *list)
{
    struct fields *fs = &x->request.fields;
    struct field *key = fields_find(fs, FIELD_SEC_WEBSOCKET_KEY);
    fields_drop_set(fs, FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_TRANSFER_ENCODING));
    if (key)
        key->dropped = true;
    int result = h2_write_request(list, w, line, fs);
    if (key)
        key->dropped = false;
    return result;
}

static bool has_no_body(const struct exchange *x)
{
    const struct h1_request *request = &x->request;
    return request->framing == H1_FRAMING_NONE ||
           (request->framing == H1_FRAMING_LENGTH && request->content_length == 0);
}

static int write_request(struct exchange *x, struct fields *list)
{
    const struct h1_request *request = &x->request;
    uint32_t capacity = request->fields.count + FIELDS_ADDED;
    *list = (struct fields){ .items = arena_take_array(&x->arena, capacity, sizeof(struct field)),
                             .capacity = capacity };
    if (!list->items)
        return -ENOMEM;
    struct writer w = scratch_head();
    struct h2_request_line line = request_line(x, &w);
    TRY(write_fields(x, &line, &w, list));
    bool wants_length = request->framing == H1_FRAMING_LENGTH || request->method == METHOD_POST ||
                        request->method == METHOD_PUT || request->method == METHOD_PATCH;
    size_t before = w.len;
    if (wants_length && request->framing != H1_FRAMING_CHUNKED) {
        writer_decimal(&w, request->content_length);
        TRY(fields_add(list, SLICE("content-length"), since(&w, before), FIELD_CONTENT_LENGTH));
    }
    if (exchange_is_grpc(x))
        TRY(fields_add(list, SLICE("te"), SLICE("trailers"), FIELD_TE));
    return w.overflowed ? -EMSGSIZE : 0;
}

/* Trailers mean something to gRPC; others lose them as they do in HTTP/1. */
static int judge_trailers(struct h2_stream *stream, struct fields *list)
{
    struct exchange *x = stream->owner;
    struct h1_limits limits = exchange_head_limits(x);
    struct h1_error error = { 0 };
    if (h2_trailers_parse(list, &limits, &error) != 0) {
        retire(x);
        return -EPROTO;
    }
    for (uint32_t i = 0; i < list->count && !exchange_is_grpc(x); i++)
        list->items[i].dropped = true;
    return 0;
}

static int request(struct exchange *x)
{
    struct fields list;
    bool is_websocket = x->request.upgrades_to_websocket;
    int result = write_request(x, &list);
    if (result == -EMSGSIZE)
        return exchange_refuse(x, FAULT_OURS, 500, "request.too-large",
                               "the request head for the origin does not fit");
    TRY(result);
    bool ends = has_no_body(x) && !is_websocket;
    result = h2_stream_request(session_of(x), &list, ends, &x->origin_stream);
    if (result == -ENOMEM)
        return result;
    if (result != 0)
        return -ECONNRESET;
    x->origin_stream->owner = x;
    x->origin_stream->judge_trailers = judge_trailers;
    x->origin_stream->keeps_open = is_websocket;
    x->to_origin = &x->origin_stream->sink;
    return 0;
}

/* --- The response head ------------------------------------------------------------------------ */

static int fail_with(struct exchange *x, const char *reason, const char *what, const char *detail)
{
    enum { TEXT_BYTES = 200 };
    char *memory = arena_take(&x->arena, TEXT_BYTES);
    struct writer w = writer_over(memory, memory ? TEXT_BYTES - 1 : 0);
    writer_text(&w, what);
    writer_literal(&w, ": ");
    writer_text(&w, detail);
    if (!memory || w.overflowed)
        return fetch_fail(x, 502, reason, what);
    memory[w.len] = '\0';
    return fetch_fail(x, 502, reason, memory);
}

static int fail_protocol(struct exchange *x)
{
    const struct h2_session *s = session_of(x);
    const char *why = s->why ? s->why : "no more is known";
    retire(x);
    if (h2_link_of(x->upstream)->is_flooded)
        return fail_with(x, "upstream.flood", "the origin floods its HTTP/2 connection", why);
    return fail_with(x, "upstream.http2", "the origin breaks the rules of HTTP/2", why);
}

static int note_failure(struct exchange *x, int result)
{
    const struct h2_stream *stream = x->origin_stream;
    if (x->upload.is_cut || result == -ECANCELED || result == -ETIMEDOUT)
        return fetch_note_failure(x, result);
    if (result == -ENOBUFS)
        return exchange_refuse(x, FAULT_POLICY, 503, "limits.buffered",
                               "no memory for the response within `limits buffered`");
    if (result == -EOVERFLOW)
        return fetch_fail(x, 502, "upstream.interim", "the origin sent too many interim responses");
    if (result == -EPROTO)
        return fail_protocol(x);
    if (!stream->refused && session_of(x)->failed == 0)
        return fail_with(x, "upstream.reset", "the origin reset the stream of the request",
                         nghttp2_http2_strerror(stream->error_code));
    return -ECONNRESET;
}

/* A client of HTTP/1 is told what RFC 6455 promises: the origin's word for it is its 2xx. */
static int agree_to_websocket(struct exchange *x)
{
    const struct field *key = fields_find(&x->request.fields, FIELD_SEC_WEBSOCKET_KEY);
    char *accept = arena_take(&x->arena, WEBSOCKET_ACCEPT_LENGTH);
    x->response.status = 101;
    if (!accept)
        return -ENOMEM;
    if (!key || websocket_accept(key->value, accept) != 0)
        return 0;
    return fields_add(&x->response.fields, field_name_of(FIELD_SEC_WEBSOCKET_ACCEPT),
                      slice_of(accept, WEBSOCKET_ACCEPT_LENGTH), FIELD_SEC_WEBSOCKET_ACCEPT);
}

static int parse_head(struct exchange *x)
{
    struct h1_limits limits = exchange_head_limits(x);
    struct h2_question question = { .method = x->request.method,
                                    .asked_websocket = x->request.upgrades_to_websocket,
                                    .ends_stream = x->origin_head.ends_stream };
    struct h1_error error = { 0 };
    struct fields list = { .items = x->response_fields, .capacity = gate.field_capacity };
    if (x->origin_head.too_large || h2_head_fields(&x->origin_head, &list) != 0)
        return fetch_fail(x, 502, "upstream.head-length",
                          "the origin's response head is longer than `limits head` allows, or has "
                          "more fields than `limits fields`");
    if (h2_response_parse(&list, &limits, &question, &x->response, &error) != 0)
        return fetch_fail(x, 502, error.reason, error.text);
    if (x->response.status >= 200 && x->response.framing != H1_FRAMING_CHUNKED &&
        !x->response.is_websocket)
        x->origin_stream->expected =
            x->response.framing == H1_FRAMING_LENGTH ? x->response.content_length : 0;
    return x->response.is_websocket ? agree_to_websocket(x) : 0;
}

static int read_head(struct exchange *x)
{
    struct h2_stream *stream = x->origin_stream;
    int result;
    do /* the upload may end meanwhile: its time starts then */
        result = h2_stream_wait_head(stream, fetch_head_deadline(x));
    while (result == -ETIMEDOUT && fetch_head_deadline(x) > loop_now_ms());
    if (result != 0)
        return note_failure(x, result);
    h2_head_drop(&x->origin_head);
    x->origin_head = h2_stream_take_head(stream);
    x->response_bytes += h2_head_bytes(&x->origin_head) + 1;
    result = parse_head(x);
    if (result == -EREFUSED)
        retire(x);
    return result;
}

/* --- What stands behind the head -------------------------------------------------------------- */

static void open_body(struct exchange *x, bool is_empty)
{
    x->from_origin = &x->origin_stream->source;
    /* Whatever comes all the same: nobody waits for it. */
    x->from_origin->ended = is_empty || x->origin_head.ends_stream;
}

static void open_tunnel(struct exchange *x)
{
    x->from_origin = &x->origin_stream->source;
    x->origin_stream->keeps_open = false;
}

static void cut(struct exchange *x, bool gently)
{
    if (!gently)
        h2_stream_reset(x->origin_stream, NGHTTP2_CANCEL);
}

/* RFC 9113 §8.7: REFUSED_STREAM, and streams above the last one of a GOAWAY. */
static bool was_not_processed(const struct exchange *x)
{
    return !x->origin_stream || x->origin_stream->refused;
}

static bool is_reusable(UNUSED const struct exchange *x)
{
    return true;
}

static void release(struct exchange *x)
{
    if (x->origin_stream && x->origin_stream->is_open && !x->origin_stream->in_ended)
        h2_link_of(x->upstream)->late_bytes += LATE_BYTES;
    if (x->origin_stream)
        h2_stream_release(x->origin_stream);
    x->origin_stream = NULL;
    x->to_origin = NULL;
    x->from_origin = NULL;
    h2_link_let_go(x->upstream);
}

const struct upstream_protocol h2_upstream = { .request = request,
                                               .read_head = read_head,
                                               .open_body = open_body,
                                               .open_tunnel = open_tunnel,
                                               .cut = cut,
                                               .was_not_processed = was_not_processed,
                                               .is_reusable = is_reusable,
                                               .malformed_reason = "upstream.body",
                                               .malformed_text =
                                                   "the origin's body is not as long as announced, "
                                                   "or its trailers are malformed",
                                               .release = release };
