#include "proxy/deliver.h"

#include <errno.h>

#include "proxy/connection.h"
#include "proxy/filter.h"
#include "proxy/gate_state.h"
#include "proxy/relay.h"
#include "proxy/scratch.h"
#include "proxy/upstream.h"
#include "wire/date.h"

/* What tells a client which software stands behind the gate. */
static const uint64_t revealing =
    FIELD_BIT(FIELD_SERVER) | FIELD_BIT(FIELD_X_POWERED_BY) | FIELD_BIT(FIELD_X_ASPNET_VERSION) |
    FIELD_BIT(FIELD_X_ASPNETMVC_VERSION) | FIELD_BIT(FIELD_X_RUNTIME) |
    FIELD_BIT(FIELD_X_GENERATOR) | FIELD_BIT(FIELD_X_BACKEND_SERVER) | FIELD_BIT(FIELD_VIA);

/* What we write ourselves. */
static const uint64_t ours = FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_TRANSFER_ENCODING) |
                             FIELD_BIT(FIELD_X_REQUEST_ID);

void response_hide_origin(struct exchange *x)
{
    fields_drop_set(&x->response.fields, revealing | ours);
}

static bool has_no_body(const struct exchange *x, uint16_t status)
{
    return x->request.method == METHOD_HEAD || status == 204 || status == 304 || status < 200;
}

static bool is_chunked(const struct exchange *x)
{
    return x->response.framing == H1_FRAMING_CHUNKED || x->response.framing == H1_FRAMING_CLOSE;
}

/* How the connection goes on, in the words of the client's version. */
static void write_connection(struct writer *w, struct exchange *x)
{
    x->keep_told = exchange_keeps_connection(x);
    if (!x->keep_told)
        writer_literal(w, "Connection: close\r\n");
    else if (x->request.minor_version == 0)
        writer_literal(w, "Connection: keep-alive\r\n");
}

/* "Date: ...": written once per second. */
static void write_date(struct writer *w)
{
    static char text[HTTP_DATE_LENGTH];
    static int64_t second = -1;
    int64_t now = gate_wall_ms() / 1000;
    if (now != second) {
        struct writer d = writer_over(text, sizeof text);
        http_date_write(&d, now);
        second = now;
    }
    writer_literal(w, "Date: ");
    writer_bytes(w, text, sizeof text);
    writer_literal(w, "\r\n");
}

static void write_common(struct writer *w, const struct exchange *x)
{
    h1_write_fields(w, &x->response.fields);
    if (!fields_find(&x->response.fields, FIELD_DATE))
        write_date(w);
    h1_write_field(w, field_name_of(FIELD_X_REQUEST_ID), x->request_id);
}

struct writer response_head_begin(struct exchange *x, uint16_t status)
{
    struct writer w = scratch_head();
    connection_mute(x->connection);
    writer_slice_add(&w, connection_rest_of_probe(x->connection));
    h1_write_status_line(&w, status);
    return w;
}

static void write_length(struct writer *w, uint64_t length)
{
    writer_literal(w, "Content-Length: ");
    writer_decimal(w, length);
    writer_literal(w, "\r\n");
}

/* RFC 9110 §7.6.3, only where the configuration asks for it. */
static void write_via(struct writer *w, const struct exchange *x)
{
    const struct headers_settings *headers = exchange_block(x, FEATURE_HEADERS);
    if (headers->says_via)
        h1_write_field(w, field_name_of(FIELD_VIA),
                       x->response.minor_version ? SLICE("1.1 portcullis")
                                                 : SLICE("1.0 portcullis"));
}

static int write_head(struct exchange *x, slice *ret_head)
{
    struct writer w = response_head_begin(x, x->status);
    bool empty = has_no_body(x, x->status);
    write_common(&w, x);
    write_via(&w, x);
    if (x->response.framing == H1_FRAMING_LENGTH || (empty && x->response.has_length))
        write_length(&w, x->response.content_length);
    else if (is_chunked(x) && x->request.minor_version == 1)
        writer_literal(&w, "Transfer-Encoding: chunked\r\n");
    write_connection(&w, x);
    writer_literal(&w, "\r\n");
    if (w.overflowed)
        return exchange_refuse(x, FAULT_OURS, 502, "response.too-large",
                               "the response head for the client does not fit");
    *ret_head = writer_slice(&w);
    return 0;
}

static struct relay download_relay(struct exchange *x, slice head)
{
    const struct timeout_settings *timeouts = exchange_timeouts(x);
    return (struct relay){ .from = &x->upstream->socket,
                           .to = &x->connection->socket,
                           .body = &x->download,
                           .chunked = is_chunked(x) && x->request.minor_version == 1,
                           .prefix = head,
                           .buffered = x->response_buffer,
                           .more = x->response_more,
                           .idle_ms = upstream_timeouts(x, x->upstream->origin).idle_ms,
                           .stall_ms = timeouts->send_ms,
                           .deadline_ms = x->deadline_ms,
                           .read_bytes_max = SCRATCH_BODY_BYTES };
}

static int note_failure(struct exchange *x, const struct relay *r, int result)
{
    if (result == -ECANCELED)
        return result;
    if (r->failed == RELAY_TO) {
        if (result == -ETIMEDOUT && exchange_is_over(x))
            return exchange_refuse_total(x, FAULT_CLIENT);
        if (result == -ETIMEDOUT)
            return exchange_refuse(x, FAULT_CLIENT, 0, "timeout.send",
                                   "the client took no byte of the response within `timeout send`");
        if (result == -ENOBUFS)
            return exchange_refuse(x, FAULT_POLICY, 0, "limits.buffered",
                                   "no memory for the response within `limits buffered`");
        return exchange_refuse(x, FAULT_CLIENT, 0, "client.closed",
                               "the client closed before the response was complete");
    }
    /* The status counts only when nothing has been sent yet. */
    upstream_counters(x)->failures++;
    if (result == -ETIMEDOUT && exchange_is_over(x))
        return exchange_refuse_total(x, FAULT_UPSTREAM);
    if (result == -ETIMEDOUT)
        return exchange_refuse(x, FAULT_UPSTREAM, 504, "upstream.idle",
                               "the origin's response stopped for longer than `timeout idle`");
    if (result == -EPROTO && !r->closed)
        return exchange_refuse(x, FAULT_UPSTREAM, 502, "upstream.chunk",
                               "the chunked framing of the origin's response is malformed");
    return exchange_refuse(x, FAULT_UPSTREAM, 502, "upstream.truncated",
                           "the origin closed before its response was complete");
}

/* RFC 9112 §9.3: the connection may serve again when both messages have ended and nothing is left
 * over. */
static bool is_reusable(const struct exchange *x, const struct relay *r)
{
    return x->response.keep_alive && x->response.framing != H1_FRAMING_CLOSE && !r->closed &&
           r->more.len == 0 && (!x->response_buffer || buffer_length(x->response_buffer) == 0) &&
           (x->upload.state == UPLOAD_DONE || x->upload.state == UPLOAD_NONE);
}

static void settle(struct exchange *x, const struct relay *r, uint64_t head_bytes)
{
    x->bytes_out += r->bytes_written;
    x->body_bytes_out = r->bytes_written > head_bytes ? r->bytes_written - head_bytes : 0;
}

static int relay_response(struct exchange *x, slice head)
{
    size_t head_bytes = head.len;
    OWNS(relay_end) struct relay r = download_relay(x, head);
    int result = relay_begin(&r);
    x->response_begun = r.bytes_written > 0;
    if (result == 0 && !x->download.ended)
        result = relay_finish(&r);
    settle(x, &r, head_bytes);
    if (result != 0)
        return note_failure(x, &r, result);
    x->response_complete = true;
    x->response_reusable = is_reusable(x, &r);
    return 0;
}

int exchange_deliver(struct exchange *x)
{
    slice head;
    x->status = x->response.status;
    response_hide_origin(x);
    TRY(filters_run(x, ON_DELIVER));
    enum h1_framing framing = has_no_body(x, x->status) ? H1_FRAMING_LENGTH : x->response.framing;
    h1_body_open(&x->download, framing, has_no_body(x, x->status) ? 0 : x->response.content_length);
    if (is_chunked(x) && x->request.minor_version == 0 && !has_no_body(x, x->status))
        x->close_after = true; /* HTTP/1.0: the end of the connection is the end of the body */
    if (x->upload.state == UPLOAD_RUNNING || x->upload.state == UPLOAD_FAILED)
        x->close_after = true; /* an early answer: say so while it can be said */
    TRY(write_head(x, &head));
    return relay_response(x, head);
}

/* --- Our own responses ------------------------------------------------------------------------ */

/* The rest of a request body that nobody will read: skipped when it has all arrived, else the
 * connection ends gently. */
static void settle_request_body(struct exchange *x)
{
    struct buffer *b = x->head_buffer;
    if (!b || x->upload.state == UPLOAD_DONE)
        return;
    while (x->upload.state == UPLOAD_NONE && !x->upload.body.ended && buffer_length(b)) {
        slice data;
        size_t used;
        if (h1_body_next(&x->upload.body, slice_of(b->memory + b->start, buffer_length(b)), &data,
                         &used) != 0)
            break;
        b->start += (uint32_t)used;
        x->bytes_in += used;
    }
    /* A failed upload may have lost what was read behind the body. */
    if (!x->upload.body.ended || x->upload.state == UPLOAD_FAILED) {
        x->close_after = true;
        x->must_linger = true;
    }
}

void answer_begin(struct exchange *x, uint16_t status)
{
    x->answer = (struct answer){ .is_set = true, .status = status };
    x->response = (struct h1_response){ .fields = { .items = x->response_fields,
                                                    .capacity = gate.field_capacity } };
}

int answer_add(struct exchange *x, slice name, slice value)
{
    return fields_add(&x->response.fields, name, value, FIELD_OTHER);
}

int answer_deliver(struct exchange *x)
{
    const struct answer *answer = &x->answer;
    x->status = answer->status;
    settle_request_body(x);
    TRY(filters_run(x, ON_DELIVER));
    struct writer w = response_head_begin(x, answer->status);
    bool empty = answer->status == 204 || answer->status == 304;
    write_common(&w, x);
    if (!empty)
        write_length(&w, answer->body.len);
    write_connection(&w, x);
    writer_literal(&w, "\r\n");
    if (w.overflowed)
        return -EMSGSIZE;
    struct iovec parts[2] = { { w.ptr, w.len },
                              { (void *)(uintptr_t)answer->body.ptr, answer->body.len } };
    int count = has_no_body(x, answer->status) || answer->body.len == 0 ? 1 : 2;
    struct send_options options = { .stall_ms = exchange_timeouts(x)->send_ms,
                                    .deadline_ms = x->deadline_ms };
    uint64_t written = 0;
    x->response_begun = true;
    int result = scratch_send(&x->connection->socket, parts, count, &options, &written);
    x->bytes_out += written;
    if (written > w.len)
        x->body_bytes_out = written - w.len;
    x->response_complete = result == 0;
    return result;
}
