#include "proxy/fetch.h"

#include <errno.h>

#include "proxy/client.h"
#include "proxy/deliver.h"
#include "proxy/gate_state.h"
#include "proxy/scratch.h"
#include "proxy/upload.h"
#include "proxy/upstream.h"

#define INTERIM_MAX     16u /* interim responses before the final one */
#define SEND_PASSES_MAX 2u  /* a reused connection, then a fresh one */

/* --- The request as the origin gets it -------------------------------------------------------- */

static void write_framing(struct writer *w, const struct exchange *x)
{
    const struct h1_request *request = &x->request;
    if (request->framing == H1_FRAMING_CHUNKED) {
        h1_write_field(w, field_name_of(FIELD_TRANSFER_ENCODING), SLICE("chunked"));
        return;
    }
    bool wants_length = request->framing == H1_FRAMING_LENGTH || request->method == METHOD_POST ||
                        request->method == METHOD_PUT || request->method == METHOD_PATCH;
    if (!wants_length)
        return;
    writer_literal(w, "Content-Length: ");
    writer_decimal(w, request->content_length);
    writer_literal(w, "\r\n");
}

static void write_connection(struct writer *w, const struct exchange *x)
{
    if (x->request.upgrades_to_websocket)
        writer_literal(w, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    else if (x->upstream->origin->proxy_protocol != PROXY_PROTOCOL_OFF || gate.is_draining)
        writer_literal(w, "Connection: close\r\n");
}

static void write_target(struct writer *w, const struct exchange *x)
{
    const struct target_settings *target = exchange_block(x, FEATURE_TARGET);
    writer_slice_add(w, x->request.method_text);
    writer_byte(w, ' ');
    if (target->prefix.len && x->target.form != TARGET_ASTERISK) {
        slice prefix = target->prefix;
        if (prefix.ptr[prefix.len - 1] == '/')
            prefix.len--;
        writer_slice_add(w, prefix);
    }
    writer_slice_add(w, x->path);
    if (x->target.has_query) {
        writer_byte(w, '?');
        writer_slice_add(w, x->target.query);
    }
    writer_literal(w, " HTTP/1.1\r\n");
}

/* What the configuration says, else what the client said; a client of HTTP/1.0 may say nothing. */
static void write_host(struct writer *w, const struct exchange *x)
{
    const struct server *s = x->server;
    writer_literal(w, "Host: ");
    if (x->origin_host.len) {
        writer_slice_add(w, x->origin_host);
    } else if (x->host.len) {
        exchange_write_host(x, w);
    } else if (s->is_name) {
        writer_slice_add(w, s->host);
        writer_byte(w, ':');
        writer_decimal(w, s->port);
    } else if (s->address.any.sa_family == AF_UNIX) {
        writer_literal(w, "localhost");
    } else {
        address_write(w, &s->address);
    }
    writer_literal(w, "\r\n");
}

/* Re-serialised from what was understood; the received bytes are never forwarded. */
static int write_request(struct exchange *x, slice *ret_head)
{
    struct writer w = scratch_head();
    write_target(&w, x);
    write_host(&w, x);
    fields_drop_set(&x->request.fields,
                    FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_TRANSFER_ENCODING));
    h1_write_fields(&w, &x->request.fields);
    write_framing(&w, x);
    write_connection(&w, x);
    writer_literal(&w, "\r\n");
    if (w.overflowed)
        return exchange_refuse(x, FAULT_OURS, 500, "request.too-large",
                               "the request head for the origin does not fit");
    *ret_head = writer_slice(&w);
    return 0;
}

/* --- The response head ------------------------------------------------------------------------ */

/* The head's time runs from the request's last byte; while the body is still going out, its own
 * limits watch over it. */
static int64_t head_deadline(const struct exchange *x)
{
    int64_t span = upstream_timeouts(x, x->upstream->origin).head_ms;
    int64_t sent_ms = x->times.sent / 1000;
    if (x->upload.state == UPLOAD_RUNNING || sent_ms == 0)
        return exchange_deadline(x, span);
    int64_t deadline = sent_ms + span + 1;
    return deadline < x->deadline_ms ? deadline : x->deadline_ms;
}

/* What has arrived and is not understood yet. */
static slice arrived(const struct exchange *x)
{
    const struct buffer *b = x->response_buffer;
    return b ? slice_of(b->memory + b->start, buffer_length(b)) : x->response_more;
}

/* What has arrived moves to a buffer of twice its size. */
static int move_arrived(struct exchange *x)
{
    slice bytes = arrived(x);
    struct buffer *larger = buffer_take_large(2 * (uint32_t)bytes.len);
    if (!larger)
        return exchange_refuse(x, FAULT_POLICY, 503, "limits.buffered",
                               "no memory for the response head within `limits buffered`");
    memcpy(larger->memory, bytes.ptr, bytes.len);
    larger->end = (uint32_t)bytes.len;
    x->response_more = slice_of(NULL, 0);
    buffer_release(x->response_buffer);
    x->response_buffer = larger;
    return 0;
}

/* Before a wait: scratch memory is others' meanwhile. Heads that lie in a buffer stay where they
 * are. */
static int keep_arrived(struct exchange *x)
{
    return x->response_more.len ? move_arrived(x) : 0;
}

/* Before more of a head is read: the heads before it in the buffer have been dealt with. */
static int make_room(struct exchange *x)
{
    if (!x->response_buffer)
        return keep_arrived(x);
    buffer_compact(x->response_buffer);
    return buffer_room(x->response_buffer) ? 0 : move_arrived(x);
}

/* One read: into the worker's scratch memory, which is large and warm; behind the beginning of a
 * head that is already being kept, into its buffer.
 * > 0 · 0 the origin closed · -errno */
static ssize_t read_response(struct exchange *x)
{
    struct buffer *b = x->response_buffer;
    char *to = b ? b->memory + b->end : scratch_body;
    size_t room = b ? buffer_room(b) : buffers_are_scarce() ? BUFFER_BYTES : SCRATCH_BODY_BYTES;
    for (;;) {
        ssize_t got = socket_read(&x->upstream->socket, to, room, head_deadline(x));
        if (got == -ETIMEDOUT && head_deadline(x) > loop_now_ms())
            continue; /* the upload ended meanwhile: its time starts then */
        if (got <= 0)
            return got;
        x->response_bytes += (uint64_t)got;
        if (b)
            b->end += (uint32_t)got;
        else
            x->response_more = slice_of(scratch_body, (size_t)got);
        return got;
    }
}

static int fail_upstream(struct exchange *x, uint16_t status, const char *reason, const char *text)
{
    upstream_counters(x)->failures++;
    return exchange_refuse(x, FAULT_UPSTREAM, status, reason, text);
}

/* While the request's body is still to come it is the client who is late. */
static int refuse_total(struct exchange *x)
{
    if (x->upload.state == UPLOAD_RUNNING)
        return exchange_refuse_total(x, FAULT_CLIENT);
    upstream_counters(x)->failures++;
    return exchange_refuse_total(x, FAULT_UPSTREAM);
}

static int note_read_failure(struct exchange *x, ssize_t got)
{
    if (x->upload.is_cut)
        return -EREFUSED; /* the upload has said why, and aborted the socket */
    if (got == -ECANCELED)
        return -ECANCELED;
    if (got == -ETIMEDOUT)
        return exchange_is_over(x)
                   ? refuse_total(x)
                   : fail_upstream(x, 504, "upstream.head-timeout",
                                   "the origin did not answer within `timeout head`");
    return -ECONNRESET; /* closed or reset: the caller knows whether that may be retried */
}

/* A complete head at the front of what has arrived: its fields must outlive scratch memory. */
static int take_head(struct exchange *x, size_t head_bytes, slice *ret_head)
{
    struct buffer *b = x->response_buffer;
    slice head = slice_first(arrived(x), head_bytes);
    if (b) {
        b->start += (uint32_t)head_bytes;
    } else {
        x->response_more = slice_after(x->response_more, head_bytes);
        head = arena_copy(&x->arena, head);
        if (!head.ptr)
            return -ENOMEM;
    }
    *ret_head = head;
    return 0;
}

/* Reads until a complete head is there. 0 · -ECONNRESET nothing or half a head came */
static int read_head(struct exchange *x, slice *ret_head)
{
    struct h1_limits limits = exchange_head_limits(x);
    size_t scanned = 0, head_bytes;
    for (;;) {
        slice bytes = arrived(x);
        int result = bytes.len ? h1_head_scan(bytes, &limits, &scanned, &head_bytes) : -EAGAIN;
        if (result == 0)
            return take_head(x, head_bytes, ret_head);
        if (result == -EMSGSIZE)
            return fail_upstream(x, 502, "upstream.head-length",
                                 "the origin's response head is longer than `limits head` allows");
        TRY(make_room(x));
        ssize_t got = read_response(x);
        if (got <= 0)
            return note_read_failure(x, got);
    }
}

/* 103 (Early Hints) goes on to clients that can take it; others end here. */
static int relay_interim(struct exchange *x)
{
    if (x->response.status != 103)
        return 0;
    response_hide_origin(x);
    TRY(x->protocol->send_interim(x));
    if (x->upload.state != UPLOAD_RUNNING)
        client_watch(x);
    return 0;
}

static slice websocket_key(const struct exchange *x)
{
    const struct field *key = fields_find(&x->request.fields, FIELD_SEC_WEBSOCKET_KEY);
    return key ? key->value : slice_of(NULL, 0);
}

static int parse_head(struct exchange *x, slice head)
{
    struct h1_limits limits = exchange_head_limits(x);
    struct h1_question question = { .method = x->request.method,
                                    .asked_websocket = x->request.upgrades_to_websocket,
                                    .websocket_key = websocket_key(x) };
    struct h1_error error = { 0 };
    if (h1_response_parse(head, &limits, x->response_fields, &question, &x->response, &error) != 0)
        return fail_upstream(x, 502, error.reason, error.text);
    x->response.fields.capacity = gate.field_capacity;
    return 0;
}

/* The final response's head, behind at most INTERIM_MAX interim ones. */
static int read_final_head(struct exchange *x)
{
    for (uint32_t interim = 0; interim <= INTERIM_MAX; interim++) {
        slice head;
        TRY(read_head(x, &head));
        TRY(parse_head(x, head));
        if (x->response.status >= 200 || x->response.status == 101)
            return 0;
        TRY(keep_arrived(x)); /* relaying it may wait */
        TRY(relay_interim(x));
    }
    return fail_upstream(x, 502, "upstream.interim", "the origin sent too many interim responses");
}

/* --- One attempt, and whether there may be another -------------------------------------------- */

static int attempt(struct exchange *x)
{
    slice head;
    TRY(write_request(x, &head));
    h1_sink_open(&x->h1_to_origin, &x->upstream->socket, head,
                 x->request.framing == H1_FRAMING_CHUNKED);
    x->to_origin = &x->h1_to_origin.base;
    int result = upload_begin(x);
    if (result == -EREFUSED || result == -ECANCELED)
        return result;
    /* When the origin no longer takes our bytes its answer may still be there: read on. */
    if (x->upload.state != UPLOAD_RUNNING)
        client_watch(x);
    return read_final_head(x);
}

/* RFC 9110 §9.2.2: only what provably was not processed, or may safely be processed twice, goes out
 * again; and only when a reused connection was closed before a byte of an answer. */
static bool may_repeat(const struct exchange *x, int result)
{
    return result == -ECONNRESET && x->upstream->requests > 1 && x->response_bytes == 0 &&
           upload_can_repeat(x) &&
           (method_is_idempotent(x->request.method) || x->to_origin->written == 0);
}

static void discard_attempt(struct exchange *x)
{
    client_unwatch(x);
    buffer_drop(&x->response_buffer);
    x->response_more = slice_of(NULL, 0);
    x->response_bytes = 0;
    x->response_reusable = false;
    upstream_release(x);
    upload_rewind(x);
    gate.counters->retries++;
}

int exchange_fetch(struct exchange *x)
{
    const struct target_settings *target = exchange_block(x, FEATURE_TARGET);
    if (!target->origin)
        return exchange_refuse(x, FAULT_POLICY, 404, "route.nothing",
                               "this route has neither `to` nor an answer of its own");
    int result = 0;
    for (uint32_t pass = 0; pass < SEND_PASSES_MAX; pass++) {
        TRY(upstream_take(x, target->origin, pass > 0));
        result = attempt(x);
        if (result == 0) {
            x->times.head = loop_now_us();
            histogram_add(&upstream_counters(x)->head_time, x->times.head - x->times.chosen);
            x->is_tunnel = x->response.is_websocket;
            return 0;
        }
        if (!may_repeat(x, result))
            break;
        discard_attempt(x);
    }
    if (result == -ECONNRESET)
        return fail_upstream(x, 502, "upstream.closed",
                             "the origin closed the connection without a complete response head");
    return result;
}
