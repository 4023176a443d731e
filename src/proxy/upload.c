#include "proxy/upload.h"

#include <errno.h>

#include "proxy/client.h"
#include "proxy/gate_state.h"
#include "proxy/grpc.h"
#include "proxy/held_body.h"
#include "proxy/relay.h"
#include "proxy/upstream_protocol.h"

/* The minimum rate counts from here on: a slow start is not an attack. */
#define RATE_GRACE_MS 10000

/* Until when what has come so far is enough for `limits body-rate`. That the origin let us wait is
 * not the client's fault. */
static int64_t rate_deadline(const struct relay *r)
{
    const struct exchange *x = r->owner;
    uint64_t rate = exchange_limits(x)->body_rate_min;
    if (rate == 0 || exchange_is_long_call(x))
        return NEVER;
    int64_t paid_ms = (int64_t)(x->from_client->decoded * 1000 / rate);
    int64_t span_ms = paid_ms > RATE_GRACE_MS ? paid_ms : RATE_GRACE_MS;
    return x->upload.began_ms + r->stalled_ms + span_ms;
}

static int refuse_slow(struct exchange *x)
{
    return exchange_refuse(x, FAULT_CLIENT, 408, "limits.body-rate",
                           "the request body comes more slowly than `limits body-rate` allows");
}

static int check_upload(struct relay *r)
{
    struct exchange *x = r->owner;
    if (x->from_client->decoded > exchange_limits(x)->body_bytes_max)
        return exchange_refuse(x, FAULT_CLIENT, 413, "limits.body",
                               "the request body is longer than `limits body` allows");
    if (!x->from_client->ended && loop_now_ms() > rate_deadline(r))
        return refuse_slow(x);
    return 0;
}

/* From the client to wherever its body goes. */
static struct relay relay_to(struct exchange *x, struct body_sink *to)
{
    bool is_long = exchange_is_long_call(x);
    const struct timeout_settings *timeouts = exchange_timeouts(x);
    return (struct relay){ .from = x->from_client,
                           .to = to,
                           .idle_ms = is_long ? timeouts->tunnel_ms : timeouts->idle_ms,
                           .deadline_ms = x->deadline_ms,
                           .deadline = rate_deadline,
                           .check = check_upload,
                           .owner = x };
}

static struct relay upload_relay(struct exchange *x)
{
    struct relay r = relay_to(x, x->to_origin);
    r.stall_ms = upstream_timeouts(x, x->upstream->server->origin).send_ms;
    return r;
}

/* An origin that takes no more bytes may have answered already; one that takes its time, or for
 * which we have no memory, has not. */
static bool may_have_answered(const struct exchange *x, const struct relay *r, int result)
{
    return r->failed == RELAY_TO && x->upstream && result != -ENOBUFS &&
           (result != -ETIMEDOUT || x->times.head);
}

static void refuse_stalled(struct exchange *x)
{
    upstream_counters(x)->failures++;
    if (exchange_is_over(x))
        (void)exchange_refuse_total(x, FAULT_UPSTREAM);
    (void)exchange_refuse(x, FAULT_UPSTREAM, 504, "upstream.send-timeout",
                          "the origin took no byte of the request within `timeout send`");
}

/* Whose fault a failed upload is, unless there may be an answer all the same. */
static void note_failure(struct exchange *x, const struct relay *r, int result)
{
    if (result == -ECANCELED || may_have_answered(x, r, result))
        return;
    x->upload.is_cut = true;
    if (r->failed == RELAY_CHECK)
        return; /* check_upload has said why */
    if (result == -ETIMEDOUT && r->failed == RELAY_TO)
        refuse_stalled(x);
    else if (result == -ETIMEDOUT && exchange_is_over(x))
        (void)exchange_refuse_total(x, FAULT_CLIENT);
    else if (result == -ETIMEDOUT && loop_now_ms() >= rate_deadline(r))
        (void)refuse_slow(x);
    else if (result == -ETIMEDOUT)
        (void)exchange_refuse(x, FAULT_CLIENT, 408, "timeout.body",
                              "the request body stopped for longer than `timeout idle`");
    else if (result == -EPROTO && !r->from->closed)
        (void)x->protocol->refuse_body(x);
    else if (result == -ENOBUFS)
        (void)exchange_refuse(x, FAULT_POLICY, 503, "limits.buffered",
                              "no memory for the request body within `limits buffered`");
    else
        (void)exchange_refuse(x, FAULT_CLIENT, 0, "client.closed",
                              "the client closed before its request body was complete");
}

/* Once: what stands behind the body belongs to the next request from here on. */
static void tell_end(struct exchange *x)
{
    if (!x->from_client->ended || x->upload.end_told)
        return;
    x->upload.end_told = true;
    x->protocol->end_body(x);
}

static void settle(struct exchange *x, const struct relay *r, int result)
{
    if (result == 0)
        tell_end(x);
    if (result == 0 && !x->from_client->ended) {
        x->upload.state = UPLOAD_RUNNING;
        return;
    }
    x->times.sent = loop_now_us(); /* no more of it will go: the origin's time to answer runs */
    x->upload.state = result == 0 ? UPLOAD_DONE : UPLOAD_FAILED;
    if (result != 0)
        note_failure(x, r, result);
}

/* RFC 9110 §10.1.1: the client waits for our word before it sends its body. 0 · -EREFUSED the
 * client does not take it · -ECANCELED */
static int tell_to_continue(struct exchange *x)
{
    if (!x->request.expects_continue || x->upload.told_to_continue || x->from_client->decoded)
        return 0;
    x->upload.told_to_continue = true;
    int result = x->protocol->send_continue(x);
    if (result == 0 || result == -ECANCELED)
        return result;
    return result == -ETIMEDOUT
               ? exchange_refuse(x, FAULT_CLIENT, 0, "timeout.send",
                                 "the client took no byte of the response within `timeout send`")
               : exchange_refuse(x, FAULT_CLIENT, 0, "client.closed",
                                 "the client closed before its request body was complete");
}

static void upload_run(void *argument)
{
    struct exchange *x = argument;
    struct relay r = upload_relay(x);
    settle(x, &r, relay_finish(&r));
    if (x->upload.is_cut) /* with a head an early answer may still be delivered */
        x->upstream->protocol->cut(x, x->times.head != 0);
    else if (x->upload.state == UPLOAD_DONE)
        client_watch(x);
}

int upload_begin(struct exchange *x)
{
    struct relay r = upload_relay(x);
    x->upload.began_ms = loop_now_ms();
    int result = relay_begin(&r);
    settle(x, &r, result);
    if (x->upload.is_cut)
        return -EREFUSED;
    if (x->upload.state == UPLOAD_RUNNING) {
        x->upload.streamed = true;
        TRY(tell_to_continue(x));
        if (bundle_start(&x->upload.children, "upload", upload_run, x) != 0)
            return exchange_refuse(x, FAULT_POLICY, 503, "limits.fibers",
                                   "no fiber is left to stream the request body");
    }
    return result;
}

/* --- Held until a verdict --------------------------------------------------------------------- */

static int refuse_no_room(struct exchange *x)
{
    x->upload.state = UPLOAD_FAILED;
    return exchange_refuse(x, FAULT_POLICY, 503, "limits.held",
                           "no room for the request body within `limits held` and `buffered`");
}

/* All of it, or its first `bytes_max`, into the store. 0 · -ENOBUFS there is no room for more: it
 * could go on · -EREFUSED · -ECANCELED */
static int fill(struct exchange *x, struct held_body *h, uint64_t bytes_max)
{
    struct relay r = relay_to(x, held_body_sink(h));
    r.stop_at = bytes_max;
    x->upload.began_ms = loop_now_ms();
    int result = relay_begin(&r);
    if (result == 0 && !x->from_client->ended)
        result = tell_to_continue(x);
    if (result == 0)
        result = relay_finish(&r);
    if (result == 0 || (result == -ENOBUFS && r.failed == RELAY_TO))
        return result;
    x->upload.state = UPLOAD_FAILED;
    if (result != -EREFUSED)
        note_failure(x, &r, result);
    return result == -ECANCELED ? result : -EREFUSED;
}

/* 0 · -EREFUSED */
static int settle_held(struct exchange *x, struct held_body *h)
{
    struct body_source *behind = x->from_client;
    if (held_body_settle(h) != 0 || (behind->operations->keep && behind->operations->keep(behind)))
        return refuse_no_room(x);
    return 0;
}

int upload_hold(struct exchange *x, uint64_t bytes_max, slice *ret_body)
{
    if (x->from_client->ended) {
        *ret_body = slice_of(NULL, 0);
        return 0;
    }
    struct held_body *h = held_body_make(x->from_client);
    if (!h)
        return -ENOMEM;
    int result = fill(x, h, bytes_max);
    if ((result == 0 || result == -ENOBUFS) && settle_held(x, h) != 0)
        result = -EREFUSED;
    if (result == 0)
        tell_end(x);
    /* Also after a failure: whoever asks for the body's end asks through it, and closes it. */
    x->from_client = held_body_source(h);
    *ret_body = held_body_bytes(h);
    return result;
}

bool upload_can_repeat(const struct exchange *x)
{
    return !x->upload.streamed && !x->upload.is_cut;
}

void upload_rewind(struct exchange *x)
{
    x->from_client->operations->rewind(x->from_client);
    x->upload.state = UPLOAD_NONE;
}
