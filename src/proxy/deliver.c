#include "proxy/deliver.h"

#include <errno.h>

#include "proxy/client.h"
#include "proxy/filter.h"
#include "proxy/gate_state.h"
#include "proxy/held_body.h"
#include "proxy/relay.h"
#include "proxy/scratch.h"
#include "proxy/upstream_protocol.h"
#include "wire/date.h"

#define LAST_WORD_MS 1000

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

static bool is_streamed(const struct exchange *x)
{
    return x->response.framing == H1_FRAMING_CHUNKED || x->response.framing == H1_FRAMING_CLOSE;
}

/* The value of Date: written once per second. */
static slice date_now(void)
{
    static char text[HTTP_DATE_LENGTH];
    static int64_t second = -1;
    int64_t now = gate_wall_ms() / 1000;
    if (now != second) {
        struct writer d = writer_over(text, sizeof text);
        http_date_write(&d, now);
        second = now;
    }
    return slice_of(text, sizeof text);
}

static int add_field(struct exchange *x, enum field_id id, slice value)
{
    return fields_add(&x->response.fields, field_name_of(id), value, id);
}

/* The fields that every response of ours or of an origin gets. */
static int add_common(struct exchange *x)
{
    if (!fields_find(&x->response.fields, FIELD_DATE))
        TRY(add_field(x, FIELD_DATE, date_now()));
    return add_field(x, FIELD_X_REQUEST_ID, x->request_id);
}

/* RFC 9110 §7.6.3, only where the configuration asks for it. */
static int add_via(struct exchange *x)
{
    const struct headers_settings *headers = exchange_block(x, FEATURE_HEADERS);
    if (!headers->says_via)
        return 0;
    return add_field(x, FIELD_VIA,
                     x->response.minor_version ? SLICE("1.1 portcullis") : SLICE("1.0 portcullis"));
}

static int make_head(struct exchange *x)
{
    bool empty = has_no_body(x, x->status);
    struct response_shape shape = { .has_length = x->response.framing == H1_FRAMING_LENGTH ||
                                                  (empty && x->response.has_length),
                                    .length = x->response.content_length,
                                    .is_streamed = is_streamed(x),
                                    .is_empty = x->from_origin->ended };
    int result = add_common(x);
    if (result == 0)
        result = add_via(x);
    if (result == 0)
        result = x->protocol->respond(x, &shape);
    if (result == -EMSGSIZE)
        return exchange_refuse(x, FAULT_OURS, 502, "response.too-large",
                               "the response head for the client does not fit");
    return result;
}

static struct relay download_relay(struct exchange *x)
{
    return (struct relay){ .from = x->from_origin,
                           .to = x->to_client,
                           .idle_ms = upstream_timeouts(x, x->upstream->server->origin).idle_ms,
                           .stall_ms = exchange_timeouts(x)->send_ms,
                           .deadline_ms = x->deadline_ms };
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
    if (result == -ENOBUFS)
        return exchange_refuse(x, FAULT_POLICY, 503, "limits.buffered",
                               "no memory for the response within `limits buffered`");
    /* The status counts only when nothing has been sent yet. */
    upstream_counters(x)->failures++;
    if (result == -ETIMEDOUT && exchange_is_over(x))
        return exchange_refuse_total(x, FAULT_UPSTREAM);
    if (result == -ETIMEDOUT)
        return exchange_refuse(x, FAULT_UPSTREAM, 504, "upstream.idle",
                               "the origin's response stopped for longer than `timeout idle`");
    const struct upstream_protocol *protocol = x->upstream->protocol;
    if (result == -EPROTO && !r->from->closed)
        return exchange_refuse(x, FAULT_UPSTREAM, 502, protocol->malformed_reason,
                               protocol->malformed_text);
    return exchange_refuse(x, FAULT_UPSTREAM, 502, "upstream.truncated",
                           "the origin closed before its response was complete");
}

static int relay_response(struct exchange *x)
{
    struct relay r = download_relay(x);
    int result = relay_begin(&r);
    x->response_begun = r.to->begun;
    if (result == 0)
        result = relay_finish(&r);
    if (result != 0)
        return note_failure(x, &r, result);
    x->response_complete = true;
    x->response_reusable = x->upstream->protocol->is_reusable(x);
    return 0;
}

void response_close_body(struct exchange *x)
{
    if (x->from_origin)
        x->from_origin->operations->close(x->from_origin);
    x->from_origin = NULL;
}

static int refuse_no_room(struct exchange *x)
{
    return exchange_refuse(x, FAULT_POLICY, 503, "limits.held",
                           "no room for the response within `limits held` and `buffered`");
}

/* 0 · -EREFUSED */
static int settle_held(struct exchange *x, struct held_body *h)
{
    struct body_source *behind = x->from_origin;
    if (held_body_settle(h) != 0 || (behind->operations->keep && behind->operations->keep(behind)))
        return refuse_no_room(x);
    return 0;
}

/* One that is held, and until when. */
struct holding {
    struct relay relay;
    int64_t until_ms;
};

static int64_t hold_deadline(const struct relay *r)
{
    return CONTAINER_OF(r, const struct holding, relay)->until_ms;
}

/* Its time is over, and not that of the origin or of the exchange: what comes goes on from here. */
static bool has_held_enough(const struct exchange *x, const struct holding *holding, int result)
{
    return result == -ETIMEDOUT && holding->relay.failed == RELAY_FROM &&
           loop_now_ms() >= holding->until_ms && !exchange_is_over(x);
}

int response_hold(struct exchange *x, uint64_t bytes_max, int64_t span_ms, slice *ret_body)
{
    *ret_body = slice_of(NULL, 0);
    x->upstream->protocol->open_body(x, has_no_body(x, x->response.status));
    if (x->from_origin->ended)
        return 0;
    struct held_body *h = held_body_make(x->from_origin);
    if (!h)
        return -ENOMEM;
    struct holding holding = { .relay = download_relay(x), .until_ms = loop_now_ms() + span_ms };
    struct relay *r = &holding.relay;
    r->to = held_body_sink(h);
    r->stop_at = bytes_max;
    r->deadline = hold_deadline;
    int result = relay_begin(r);
    if (result == 0)
        result = relay_finish(r);
    if (has_held_enough(x, &holding, result))
        result = 0;
    bool is_full = result == -ENOBUFS && r->failed == RELAY_TO;
    if ((result == 0 || is_full) && settle_held(x, h) != 0)
        result = -EREFUSED;
    x->from_origin = held_body_source(h);
    *ret_body = held_body_bytes(h);
    return result == 0 || result == -EREFUSED || is_full ? result : note_failure(x, r, result);
}

int exchange_deliver(struct exchange *x)
{
    x->status = x->response.status;
    response_hide_origin(x);
    TRY(filters_run(x, ON_DELIVER));
    if (!x->from_origin) /* nobody has held it */
        x->upstream->protocol->open_body(x, has_no_body(x, x->status));
    if (x->upload.state == UPLOAD_RUNNING || x->upload.state == UPLOAD_FAILED)
        x->close_after = true; /* an early answer: say so while it can be said */
    TRY(make_head(x));
    return relay_response(x);
}

/* --- Our own responses ------------------------------------------------------------------------ */

/* Behind what the origin sent: the logs tell of both. */
static struct fields own_fields(const struct exchange *x)
{
    const struct fields *origin = &x->origin_fields;
    if (!origin->items)
        return (struct fields){ .items = x->response_fields, .capacity = gate.field_capacity };
    return (struct fields){ .items = origin->items + origin->count,
                            .capacity = origin->capacity - origin->count };
}

void answer_begin(struct exchange *x, uint16_t status)
{
    x->answer = (struct answer){ .is_set = true, .status = status };
    x->response = (struct h1_response){ .fields = own_fields(x) };
}

int answer_add(struct exchange *x, slice name, slice value)
{
    return fields_add(&x->response.fields, name, value, FIELD_OTHER);
}

/* The word that the exchange's time is over may take a little more of it. */
static int64_t answer_deadline(const struct exchange *x)
{
    int64_t last_ms = loop_now_ms() + LAST_WORD_MS;
    return x->deadline_ms > last_ms ? x->deadline_ms : last_ms;
}

int answer_deliver(struct exchange *x)
{
    const struct answer *answer = &x->answer;
    struct response_shape shape = { .has_length = answer->status != 204 && answer->status != 304,
                                    .length = answer->body.len,
                                    .is_empty =
                                        has_no_body(x, answer->status) || answer->body.len == 0 };
    struct relay r = { .to = x->to_client,
                       .stall_ms = exchange_timeouts(x)->send_ms,
                       .deadline_ms = answer_deadline(x) };
    struct pieces p = { .count = 0, .bytes = 0, .last = true };
    x->status = answer->status;
    x->protocol->leave_body(x);
    TRY(filters_run(x, ON_DELIVER));
    TRY(add_common(x));
    TRY(x->protocol->respond(x, &shape));
    if (!shape.is_empty)
        pieces_add(&p, answer->body);
    x->response_begun = true;
    int result = relay_send(&r, &p);
    x->response_complete = result == 0;
    return result;
}
