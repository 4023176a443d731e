/* HTTP/1.1 to origin servers: see proxy/upstream_protocol.h. */
#include <errno.h>

#include "proxy/fetch.h"
#include "proxy/gate_state.h"
#include "proxy/scratch.h"
#include "proxy/upstream_protocol.h"
#include "proxy/upstream_state.h"

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
    else if (x->upstream->server->origin->proxy_protocol != PROXY_PROTOCOL_OFF || gate.is_draining)
        writer_literal(w, "Connection: close\r\n");
}

/* Re-serialised from what was understood; the received bytes are never forwarded. */
static int write_request(struct exchange *x, slice *ret_head)
{
    struct writer w = scratch_head();
    writer_slice_add(&w, x->request.method_text);
    writer_byte(&w, ' ');
    fetch_write_path(x, &w);
    writer_literal(&w, " HTTP/1.1\r\nHost: ");
    fetch_write_authority(x, &w);
    writer_literal(&w, "\r\n");
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
        ssize_t got = socket_read(&x->upstream->socket, to, room, fetch_head_deadline(x));
        if (got == -ETIMEDOUT && fetch_head_deadline(x) > loop_now_ms())
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
static int read_bytes_of_head(struct exchange *x, slice *ret_head)
{
    struct h1_limits limits = exchange_head_limits(x);
    size_t scanned = 0, head_bytes;
    for (;;) {
        slice bytes = arrived(x);
        int result = bytes.len ? h1_head_scan(bytes, &limits, &scanned, &head_bytes) : -EAGAIN;
        if (result == 0)
            return take_head(x, head_bytes, ret_head);
        if (result == -EMSGSIZE)
            return fetch_fail(x, 502, "upstream.head-length",
                              "the origin's response head is longer than `limits head` allows");
        TRY(make_room(x));
        ssize_t got = read_response(x);
        if (got <= 0)
            return fetch_note_failure(x, got);
    }
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
        return fetch_fail(x, 502, error.reason, error.text);
    x->response.fields.capacity = gate.field_capacity;
    return 0;
}

static int request(struct exchange *x)
{
    slice head;
    TRY(write_request(x, &head));
    h1_sink_open(&x->h1_to_origin, &x->upstream->socket, head,
                 x->request.framing == H1_FRAMING_CHUNKED);
    x->to_origin = &x->h1_to_origin.base;
    return 0;
}

static int read_head(struct exchange *x)
{
    slice head;
    TRY(read_bytes_of_head(x, &head));
    TRY(parse_head(x, head));
    if (x->response.status >= 200 || x->response.status == 101)
        return 0;
    return keep_arrived(x); /* relaying it may wait */
}

/* --- What stands behind the head -------------------------------------------------------------- */

static void open_source(struct exchange *x, enum h1_framing framing, uint64_t length)
{
    h1_source_open(&x->h1_from_origin, &x->upstream->socket, framing, length);
    x->h1_from_origin.buffered = x->response_buffer;
    x->h1_from_origin.more = x->response_more;
    x->from_origin = &x->h1_from_origin.base;
}

static void open_body(struct exchange *x, bool is_empty)
{
    open_source(x, is_empty ? H1_FRAMING_LENGTH : x->response.framing,
                is_empty ? 0 : x->response.content_length);
}

static void open_tunnel(struct exchange *x)
{
    open_source(x, H1_FRAMING_CLOSE, 0);
    h1_sink_open(&x->h1_to_origin, &x->upstream->socket, slice_of(NULL, 0), false);
}

static void cut(struct exchange *x, bool gently)
{
    if (gently)
        socket_shutdown_write(&x->upstream->socket);
    else
        socket_abort(&x->upstream->socket);
}

static bool was_not_processed(UNUSED const struct exchange *x)
{
    return false; /* HTTP/1 has no word for it */
}

/* RFC 9112 §9.3: when both messages have ended and nothing is left over. */
static bool is_reusable(const struct exchange *x)
{
    return x->response.keep_alive && x->response.framing != H1_FRAMING_CLOSE &&
           !x->from_origin->closed && !h1_source_has_left_over(&x->h1_from_origin) &&
           (x->upload.state == UPLOAD_DONE || x->upload.state == UPLOAD_NONE);
}

static void release(struct exchange *x)
{
    struct upstream *u = x->upstream;
    if (x->response_reusable && u->server->origin->proxy_protocol == PROXY_PROTOCOL_OFF &&
        !gate.is_draining)
        upstream_keep_idle(u);
    else
        upstream_destroy(u);
}

const struct upstream_protocol h1_upstream = { .request = request,
                                               .read_head = read_head,
                                               .open_body = open_body,
                                               .open_tunnel = open_tunnel,
                                               .cut = cut,
                                               .was_not_processed = was_not_processed,
                                               .is_reusable = is_reusable,
                                               .malformed_reason = "upstream.chunk",
                                               .malformed_text = "the chunked framing of the "
                                                                 "origin's response is malformed",
                                               .release = release };
