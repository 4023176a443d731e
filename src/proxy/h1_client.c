/* The client's side of an exchange in HTTP/1.0 and 1.1: see proxy/client.h. */
#include <errno.h>

#include "proxy/client.h"
#include "proxy/connection.h"
#include "proxy/gate_state.h"

/* Uploads read at most this much at once, so that what a pipelining client sent behind a chunked
 * body stays small. */
#define UPLOAD_READ_BYTES_MAX (64u << 10)

/* --- The request's head ----------------------------------------------------------------------- */

static slice input_bytes(const struct buffer *b)
{
    return slice_of(b->memory + b->start, buffer_length(b));
}

/* Room for more of a head that has filled its buffer. 0 · -ENOMEM */
static int grow_input(struct connection *c, uint32_t head_bytes_max)
{
    struct buffer *old = c->input;
    buffer_compact(old);
    if (buffer_room(old) > 0)
        return 0;
    struct buffer *larger = buffer_take_large(head_bytes_max + BUFFER_BYTES);
    if (!larger)
        return -ENOMEM;
    memcpy(larger->memory, old->memory, old->end);
    larger->end = old->end;
    buffer_release(old);
    c->input = larger;
    return 0;
}

static int refuse_too_long(struct exchange *x, slice bytes)
{
    if (slice_find_byte(bytes, '\n') == bytes.len)
        return exchange_refuse(x, FAULT_CLIENT, 414, "h1.target-length",
                               "the request line is longer than `limits head` allows");
    return exchange_refuse(x, FAULT_CLIENT, 431, "h1.head-length",
                           "the request head is longer than `limits head` allows");
}

/* The rest of the head stays unread. */
static int refuse_unread(struct exchange *x)
{
    x->must_linger = true;
    return exchange_refuse(x, FAULT_POLICY, 503, "limits.buffered",
                           "no memory for the request head within `limits buffered`");
}

/* More bytes of the head. 0 · -EREFUSED · -ECANCELED */
static int read_more(struct exchange *x, int64_t deadline_ms)
{
    struct connection *c = x->connection;
    if (buffer_room(c->input) == 0 && grow_input(c, x->configuration->limits.head_bytes_max) != 0)
        return refuse_unread(x);
    c->merely_waits = true;
    ssize_t got = socket_read(&c->socket, c->input->memory + c->input->end, buffer_room(c->input),
                              deadline_ms);
    c->merely_waits = false;
    if (got == -ECANCELED && c->shed)
        return exchange_refuse(x, c->shed->whose, c->shed->status, c->shed->reason, c->shed->text);
    if (got == -ECANCELED)
        return -ECANCELED;
    if (got == -ETIMEDOUT)
        return exchange_refuse(x, FAULT_CLIENT, 408, "timeout.header",
                               "the request head did not come within `timeout header`");
    if (got <= 0)
        return exchange_refuse(x, FAULT_CLIENT, 0, "client.closed",
                               "the client closed before its request head was complete");
    c->input->end += (uint32_t)got;
    x->bytes_in += (uint64_t)got;
    return 0;
}

/* Reads until the head is complete; *ret_head is it. */
static int read_head(struct exchange *x, const struct h1_limits *limits, slice *ret_head)
{
    struct connection *c = x->connection;
    const struct timeout_settings *timeouts = exchange_timeouts(x);
    int64_t deadline_ms = loop_now_ms() + timeouts->header_ms;
    size_t scanned = 0;
    for (;;) {
        size_t skipped = h1_skip_empty_lines(input_bytes(c->input));
        c->input->start += (uint32_t)skipped;
        scanned = skipped ? 0 : scanned; /* the CR may have come alone */
        slice bytes = input_bytes(c->input);
        size_t head_bytes;
        int result = h1_head_scan(bytes, limits, &scanned, &head_bytes);
        if (result == 0) {
            *ret_head = slice_first(bytes, head_bytes);
            return 0;
        }
        if (result == -EMSGSIZE)
            return refuse_too_long(x, bytes);
        TRY(read_more(x, deadline_ms));
    }
}

/* The body stands behind the head, as far as it has come. */
static void open_body(struct exchange *x, enum h1_framing framing, uint64_t length)
{
    struct h1_source *s = &x->h1_from_client;
    h1_source_open(s, &x->connection->socket, framing, length);
    s->buffered = x->head_buffer;
    s->buffered_at = x->head_buffer ? x->head_buffer->start : 0;
    s->read_bytes_max = UPLOAD_READ_BYTES_MAX;
    s->stops_at_end = true;
}

static int receive(struct exchange *x)
{
    struct connection *c = x->connection;
    struct h1_limits limits = exchange_head_limits(x);
    struct h1_error error = { 0 };
    slice head;
    x->from_client = &x->h1_from_client.base;
    x->to_client = &x->h1_to_client.base;
    x->bytes_in = buffer_length(c->input);
    open_body(x, H1_FRAMING_NONE, 0);
    h1_sink_open(&x->h1_to_client, &c->socket, slice_of(NULL, 0), false);
    TRY(read_head(x, &limits, &head));
    x->times.received = loop_now_us();
    x->head_buffer = c->input;
    c->input = NULL;
    x->head_buffer->start += (uint32_t)head.len;
    x->bytes_in -= buffer_length(x->head_buffer); /* counted again when the body takes it */
    if (h1_request_parse(head, &limits, x->request_fields, &x->request, &error) != 0) {
        x->request.keep_alive = false;
        return exchange_refuse(x, FAULT_CLIENT, error.status, error.reason, error.text);
    }
    open_body(x, x->request.framing, x->request.content_length);
    return 0;
}

/* --- The request's body ----------------------------------------------------------------------- */

/* Bytes of the next request that came in the same read wait in a buffer of their own. Without one
 * they are lost, and the connection ends with this exchange: what follows them is no request. */
static void end_body(struct exchange *x)
{
    slice left_over = x->h1_from_client.more;
    if (left_over.len == 0)
        return;
    struct buffer *next = buffer_take_large((uint32_t)left_over.len);
    if (!next) {
        x->close_after = x->must_linger = true;
        return;
    }
    memcpy(next->memory, left_over.ptr, left_over.len);
    next->end = (uint32_t)left_over.len;
    x->connection->input = next;
}

/* Skipped when it has all arrived, else the connection ends gently. */
static void leave_body(struct exchange *x)
{
    struct body_source *from = x->from_client;
    struct pieces unread;
    if (!x->head_buffer || x->upload.state == UPLOAD_DONE)
        return;
    do {
        unread.count = 0;
        if (x->upload.state != UPLOAD_NONE || from->operations->take(from, &unread) != 0)
            break;
    } while (unread.count == PIECES_MAX && !from->ended);
    /* A failed upload may have lost what was read behind the body. */
    if (!from->ended || x->upload.state == UPLOAD_FAILED) {
        x->close_after = true;
        x->must_linger = true;
    }
}

static void open_tunnel(struct exchange *x)
{
    uint64_t read = x->from_client->bytes_read;
    open_body(x, H1_FRAMING_CLOSE, 0);
    x->from_client->bytes_read = read;
    x->h1_from_client.read_bytes_max = SCRATCH_BODY_BYTES;
}

/* --- Responses -------------------------------------------------------------------------------- */

static void watch(struct exchange *x)
{
    connection_watch(x->connection, x);
}

static void unwatch(struct exchange *x)
{
    connection_unwatch(x->connection);
}

/* The client waits for our word before it sends its body. Nobody else writes to it yet, so that the
 * word goes in one piece, however full its socket is. */
static int send_continue(struct exchange *x)
{
    slice rest = connection_rest_of_probe(x->connection);
    struct iovec parts[2] = { { (void *)(uintptr_t)rest.ptr, rest.len },
                              { (void *)(uintptr_t)H1_CONTINUE, sizeof H1_CONTINUE - 1 } };
    size_t written;
    connection_mute(x->connection);
    int result = socket_write(&x->connection->socket, parts, 2, exchange_timeouts(x)->send_ms,
                              x->deadline_ms, &written);
    x->bytes_out += written;
    return result;
}

/* A head in scratch memory, beginning with its status line. From here until it is sent nobody may
 * wait, and the client is not asked whether it is still there. */
static struct writer begin_head(struct exchange *x, uint16_t status)
{
    struct writer w = scratch_head();
    connection_mute(x->connection);
    writer_slice_add(&w, connection_rest_of_probe(x->connection));
    h1_write_status_line(&w, status);
    return w;
}

static int send_interim(struct exchange *x)
{
    if (x->request.minor_version == 0)
        return 0;
    struct writer w = begin_head(x, x->response.status);
    h1_write_fields(&w, &x->response.fields);
    writer_literal(&w, "\r\n");
    if (w.overflowed)
        return -EMSGSIZE;
    struct iovec part = { w.ptr, w.len };
    struct send_options options = { .stall_ms = exchange_timeouts(x)->send_ms,
                                    .deadline_ms = x->deadline_ms };
    uint64_t written = 0;
    int result = scratch_send(&x->connection->socket, &part, 1, &options, &written);
    x->bytes_out += written;
    if (result != 0)
        x->response_begun = written > 0; /* nothing can follow half a head */
    return result;
}

/* How the connection goes on, in the words of the client's version. */
static void write_connection(struct writer *w, struct exchange *x)
{
    if (x->status == 101) {
        writer_literal(w, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
        return;
    }
    x->keep_told = exchange_keeps_connection(x);
    if (!x->keep_told)
        writer_literal(w, "Connection: close\r\n");
    else if (x->request.minor_version == 0)
        writer_literal(w, "Connection: keep-alive\r\n");
}

static int respond(struct exchange *x, const struct response_shape *shape)
{
    bool chunked = shape->is_streamed && x->request.minor_version == 1;
    if (shape->is_streamed && !chunked)
        x->close_after = true; /* HTTP/1.0: the end of the connection is the end of the body */
    struct writer w = begin_head(x, x->status);
    h1_write_fields(&w, &x->response.fields);
    if (shape->has_length) {
        writer_literal(&w, "Content-Length: ");
        writer_decimal(&w, shape->length);
        writer_literal(&w, "\r\n");
    } else if (chunked) {
        writer_literal(&w, "Transfer-Encoding: chunked\r\n");
    }
    write_connection(&w, x);
    writer_literal(&w, "\r\n");
    if (w.overflowed)
        return -EMSGSIZE;
    h1_sink_open(&x->h1_to_client, &x->connection->socket, writer_slice(&w), chunked);
    x->h1_to_client.ends_connection = x->status != 101 && !x->keep_told;
    return 0;
}

static int refuse_body(struct exchange *x)
{
    return exchange_refuse(x, FAULT_CLIENT, 400, "h1.chunk",
                           "the chunked framing of the request body is malformed");
}

const struct client_protocol h1_client = { .receive = receive,
                                           .watch = watch,
                                           .unwatch = unwatch,
                                           .send_continue = send_continue,
                                           .send_interim = send_interim,
                                           .respond = respond,
                                           .end_body = end_body,
                                           .leave_body = leave_body,
                                           .refuse_body = refuse_body,
                                           .open_tunnel = open_tunnel };
