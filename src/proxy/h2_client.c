/* The client's side of an exchange on a stream of HTTP/2: see proxy/client.h. */
#include <errno.h>

#include "base/random.h"
#include "proxy/client.h"
#include "proxy/gate_state.h"
#include "proxy/h2_stream.h"
#include "wire/h2_request.h"
#include "wire/h2_response.h"
#include "wire/h2_write.h"
#include "wire/websocket.h"

/* --- The request ------------------------------------------------------------------------------ */

static int judge_trailers(struct h2_stream *stream, struct fields *list)
{
    const struct exchange *x = stream->owner;
    struct h1_limits limits = exchange_head_limits(x);
    struct h1_error error;
    return h2_trailers_parse(list, &limits, &error) == 0 ? 0 : -EPROTO;
}

/* An origin of HTTP/1 is asked with a key of ours (RFC 8441 §5.1: the client has none). */
static int add_websocket_key(struct exchange *x)
{
    uint8_t bytes[WEBSOCKET_KEY_BYTES];
    char *text = arena_take(&x->arena, WEBSOCKET_KEY_LENGTH);
    if (!text)
        return -ENOMEM;
    random_bytes(bytes, sizeof bytes);
    websocket_key_write(bytes, text);
    x->request.fields.capacity = gate.field_capacity;
    return fields_add(&x->request.fields, field_name_of(FIELD_SEC_WEBSOCKET_KEY),
                      slice_of(text, WEBSOCKET_KEY_LENGTH), FIELD_SEC_WEBSOCKET_KEY);
}

/* RFC 9218 §5: what the client asks for; nghttp2 keeps the order. */
static void apply_priority(struct exchange *x, const struct fields *fs, bool is_clients)
{
    static const slice name = SLICE("priority");
    const struct field *f = fields_find_name(fs, name);
    struct h2_priority asked = { .urgency = 3 };
    if (!f)
        return;
    h2_priority_parse(f->value, &asked);
    nghttp2_extpri priority = { .urgency = asked.urgency, .inc = asked.incremental };
    (void)nghttp2_session_change_extpri_stream_priority(
        x->client_stream->session->nghttp2, x->client_stream->id, &priority, !is_clients);
}

/* RFC 9113 §8.1.1: a malformed message is a stream error; what is well-formed gets an answer. */
static int refuse(struct exchange *x, int result, const struct h1_error *error)
{
    if (result == -ENOMEM)
        return result;
    if (result == -EPROTO)
        h2_stream_reset(x->client_stream, NGHTTP2_PROTOCOL_ERROR);
    return exchange_refuse(x, FAULT_CLIENT, error->status, error->reason, error->text);
}

static int read_list(struct exchange *x, const struct h2_head *head, struct h2_request *list)
{
    struct h1_limits limits = exchange_head_limits(x);
    struct h1_error error = { 0 };
    size_t at = 0;
    slice name, value;
    h2_request_begin(list, &x->arena, &limits, x->request_fields, &x->request);
    while (h2_head_next(head, &at, &name, &value))
        h2_request_add(list, name, value);
    if (head->too_large)
        h2_request_overflow(list);
    int result = h2_request_end(list, head->ends_stream, &error);
    return result == 0 ? 0 : refuse(x, result, &error);
}

/* Its length is not what was said, or the fields behind it are malformed. */
static int refuse_body(struct exchange *x)
{
    struct h1_error length = { .status = 400,
                               .reason = "h2.content-length",
                               .text = "the body has another length than Content-Length says" };
    struct h1_error trailers = { .status = 400,
                                 .reason = "h2.trailers",
                                 .text = "the fields behind the body are malformed" };
    return refuse(x, -EPROTO, h2_stream_length_is_wrong(x->client_stream) ? &length : &trailers);
}

static int open_body(struct exchange *x)
{
    struct h2_stream *stream = x->client_stream;
    if (x->request.framing == H1_FRAMING_LENGTH)
        stream->expected = x->request.content_length;
    stream->source.ended = stream->in_ended && stream->in.length == 0 && !stream->trailers.count;
    stream->judge_trailers = judge_trailers;
    if (x->request.upgrades_to_websocket) {
        stream->is_held = true; /* what comes is for the tunnel */
        stream->source.ended = true;
    }
    return h2_stream_length_is_wrong(stream) ? refuse_body(x) : 0; /* all of it is here already */
}

static int receive(struct exchange *x)
{
    struct h2_stream *stream = x->client_stream;
    OWNS(h2_head_drop) struct h2_head head = h2_stream_take_head(stream);
    struct h2_request list;
    x->from_client = &stream->source;
    x->to_client = &stream->sink;
    x->times.received = loop_now_us();
    x->bytes_in = h2_head_bytes(&head);
    TRY(read_list(x, &head, &list));
    x->request_scheme = h2_request_scheme(&list);
    TRY(open_body(x));
    apply_priority(x, &x->request.fields, true);
    return x->request.upgrades_to_websocket ? add_websocket_key(x) : 0;
}

/* --- The response ----------------------------------------------------------------------------- */

/* Going away cancels the exchange at any time, see h2_server.c. */
static void watch(UNUSED struct exchange *x)
{
}

static int write_list(struct exchange *x, uint16_t status, const struct fields *fs,
                      const struct response_shape *shape, struct fields *list)
{
    enum { STATUS_BYTES = 3, LENGTH_BYTES = 20 };
    size_t names_bytes = 0;
    for (uint32_t i = 0; i < fs->count; i++)
        names_bytes += fs->items[i].name.len;
    list->capacity = fs->count + 2;
    list->items = arena_take_array(&x->arena, list->capacity, sizeof *list->items);
    char *memory = arena_take(&x->arena, STATUS_BYTES + LENGTH_BYTES + names_bytes);
    if (!list->items || !memory)
        return -ENOMEM;
    struct writer text = writer_over(memory, STATUS_BYTES + LENGTH_BYTES);
    struct writer names = writer_over(memory + STATUS_BYTES + LENGTH_BYTES, names_bytes);
    writer_decimal(&text, status);
    TRY(fields_add(list, SLICE(":status"), writer_slice(&text), FIELD_OTHER));
    TRY(h2_write_fields(list, &names, fs));
    if (!shape->has_length)
        return 0;
    writer_decimal(&text, shape->length);
    return fields_add(list, SLICE("content-length"), slice_after(writer_slice(&text), STATUS_BYTES),
                      FIELD_CONTENT_LENGTH);
}

static int send_interim_head(struct exchange *x, uint16_t status, const struct fields *fs)
{
    static const struct response_shape nothing = { 0 };
    struct fields list = { 0 };
    TRY(write_list(x, status, fs, &nothing, &list));
    return h2_stream_interim(x->client_stream, &list);
}

static int send_continue(struct exchange *x)
{
    static const struct fields none = { 0 };
    return send_interim_head(x, 100, &none);
}

static int send_interim(struct exchange *x)
{
    return send_interim_head(x, x->response.status, &x->response.fields);
}

static int respond(struct exchange *x, const struct response_shape *shape)
{
    struct fields list = { 0 };
    bool opens_tunnel = x->status == 101; /* RFC 8441 §5: told by a 2xx */
    if (opens_tunnel)
        fields_drop(&x->response.fields, FIELD_SEC_WEBSOCKET_ACCEPT);
    apply_priority(x, &x->response.fields, false);
    TRY(write_list(x, opens_tunnel ? 200 : x->status, &x->response.fields, shape, &list));
    return h2_stream_respond(x->client_stream, &list, shape->is_empty);
}

/* --- Bodies ----------------------------------------------------------------------------------- */

static void end_body(UNUSED struct exchange *x)
{
    /* nothing stands behind it */
}

static void open_tunnel(struct exchange *x)
{
    x->client_stream->is_held = false;
    x->client_stream->source.ended = false;
}

const struct client_protocol h2_client = { .receive = receive,
                                           .watch = watch,
                                           .unwatch = watch,
                                           .send_continue = send_continue,
                                           .send_interim = send_interim,
                                           .respond = respond,
                                           .end_body = end_body,
                                           .leave_body = end_body,
                                           .refuse_body = refuse_body,
                                           .open_tunnel = open_tunnel };
