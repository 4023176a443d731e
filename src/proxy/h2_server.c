#include "proxy/h2_server.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "proxy/client.h"
#include "proxy/crowd.h"
#include "proxy/filter.h"
#include "proxy/gate_state.h"
#include "proxy/h2_budget.h"
#include "proxy/h2_stream.h"

/* What of a body may wait here at first; streams whose origin is quick get more. */
#define STREAM_WINDOW 65535u

/* How long the answer to the PING behind the first GOAWAY may take. */
#define LEAVE_MS 2000

/* How long our last words may take to go. */
#define GOODBYE_MS 1000

/* Of a frame that is passed over: unknown, or of a stream that is over. */
#define COST_OF_IGNORED 2u

/* Bytes of heads that were not kept, for a point. */
#define WASTED_BYTES_PER_POINT 256u

/* How long a client may go on sending what was answered already. */
#define LINGER_MS 1000
/* What is still read of one that only makes work, so that it can hear that it should calm down. */
#define LINGER_BYTES_OF_ABUSE (64u << 10)

enum leaving {
    STAYING,
    ANNOUNCED, /* the first GOAWAY has been queued */
    LEFT,      /* the second one: what is open is finished, nothing new begins */
};

struct h2_connection {
    struct h2_session session;
    struct connection *connection;
    struct bundle exchanges;
    uint32_t at_work; /* exchanges that have not ended */
    enum leaving leaving;
    bool is_told; /* why it ends stands in the security log */
    int64_t opened_ms, announced_ms;
    struct h2_budget budget;
    /* Of the session's counts, what the budget knows. */
    uint64_t frames_earned, wasted_charged, ignored_charged;
};

static const struct failure late_head = { .whose = FAULT_CLIENT,
                                          .status = 408,
                                          .reason = "timeout.header",
                                          .text = "the request head did not come within `timeout "
                                                  "header`" };

#define SPENT(reason_word, what)                                                                   \
    {                                                                                              \
        .whose = FAULT_CLIENT, .status = 429, .reason = (reason_word),                             \
        .text = "the client has spent `limits h2-budget` on " what                                 \
    }
static const struct failure spent[H2_EXPENSES] = {
    [H2_RESETS] = SPENT("h2.abuse-resets", "streams that it gave up or made us give up"),
    [H2_CONTROL] = SPENT("h2.abuse-frames", "frames that ask for nothing"),
    [H2_DATA] = SPENT("h2.abuse-data", "DATA frames with little in them"),
    [H2_HEADS] = SPENT("h2.abuse-heads", "heads that are over the limits"),
};
static const struct failure address_spent = SPENT("h2.abuse-address", "other connections");

static const struct timeout_settings *timeouts(void)
{
    return gate.configuration->defaults[FEATURE_TIMEOUT];
}

int h2_preface_check(slice bytes)
{
    static const slice preface = SLICE(NGHTTP2_CLIENT_MAGIC);
    if (slice_starts_with(bytes, preface))
        return 0;
    return slice_starts_with(preface, bytes) ? -EAGAIN : -EPROTO;
}

/* --- Leaving ---------------------------------------------------------------------------------- */

static const uint8_t leave_ping[8] = { 'l', 'e', 'a', 'v', 'i', 'n', 'g', '.' };

/* A GOAWAY that allows every stream, and a PING whose answer says that the client has read it. */
static void announce(struct h2_connection *h)
{
    if (h->leaving != STAYING)
        return;
    h->leaving = ANNOUNCED;
    h->announced_ms = loop_now_ms();
    if (nghttp2_submit_shutdown_notice(h->session.nghttp2) != 0)
        h2_session_fail(&h->session, -ENOMEM);
    h2_session_wake(&h->session);
}

/* Not before: the library sends a PING in front of every other frame that waits. */
static void on_goodbye_sent(struct h2_session *s)
{
    const struct h2_connection *h = s->owner;
    if (h->leaving == ANNOUNCED &&
        nghttp2_submit_ping(s->nghttp2, NGHTTP2_FLAG_NONE, leave_ping) != 0)
        h2_session_fail(s, -ENOMEM);
}

static void leave(struct h2_connection *h)
{
    nghttp2_session *ng = h->session.nghttp2;
    if (h->leaving != ANNOUNCED)
        return;
    h->leaving = LEFT;
    if (nghttp2_submit_goaway(ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(ng),
                              NGHTTP2_NO_ERROR, NULL, 0) != 0)
        h2_session_fail(&h->session, -ENOMEM);
    h2_session_wake(&h->session);
}

void h2_server_drain(struct connection *c)
{
    struct h2_connection *h = c->h2;
    if (!h)
        return;
    announce(h);
    if (!c->fiber) /* parked: a fiber of its own says it and waits for the answer */
        connection_resume(c);
}

/* --- Exchanges -------------------------------------------------------------------------------- */

static void note_refused(const struct failure *why, struct h2_connection *h)
{
    gate.counters->connections_refused_resources++;
    filters_connection_ended(why, h->connection, &h->session);
}

/* The client has given the stream up, or its connection ended. */
static void on_gone(struct h2_stream *stream)
{
    struct exchange *x = stream->owner;
    x->client_gone = true;
    fiber_cancel(x->fiber);
}

static void serve_stream(struct h2_connection *h, struct h2_stream *stream)
{
    struct exchange *x = exchange_make(h->connection);
    if (!x) {
        note_refused(&crowd_no_memory, h);
        h2_stream_reset(stream, NGHTTP2_REFUSED_STREAM);
        return;
    }
    x->protocol = &h2_client;
    x->client_stream = stream;
    x->fiber = fiber_current();
    stream->owner = x;
    stream->on_gone = on_gone;
    exchange_run(x);
    stream->on_gone = NULL;
    if (x->response_complete && stream->failed == 0)
        h2_budget_earn(&h->budget, H2_WORTH_OF_REQUEST);
    if (x->truncated) { /* what came goes, but is never completed for the client */
        int flushed = h2_session_flush(&h->session, loop_now_ms() + GOODBYE_MS);
        h2_stream_reset(stream, flushed == -ECANCELED ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR);
    }
    exchange_free(x);
    h2_stream_linger(stream, loop_now_ms() + LINGER_MS);
}

static void run_stream(void *argument)
{
    struct h2_stream *stream = argument;
    struct h2_connection *h = stream->session->owner;
    if (stream->failed == 0) /* else it was reset before anybody had begun */
        serve_stream(h, stream);
    h2_stream_release(stream);
    h->at_work--;
    gate.counters->h2_streams--;
    if (h->at_work == 0)
        pollable_nudge(&h->connection->socket.poll);
}

static void on_request(struct h2_session *s, struct h2_stream *stream)
{
    struct h2_connection *h = s->owner;
    struct connection *c = h->connection;
    c->requests++;
    int result = bundle_start(&h->exchanges, "exchange", run_stream, stream);
    if (result != 0) {
        note_refused(result == -EAGAIN ? &crowd_no_fiber : &crowd_no_memory, h);
        h2_stream_reset(stream, NGHTTP2_REFUSED_STREAM);
        h2_stream_release(stream);
        return;
    }
    h->at_work++;
    gate.counters->h2_streams++;
    gate.counters->h2_streams_opened++;
    if (gate.is_draining || c->requests >= gate.configuration->limits.requests_per_connection_max)
        announce(h);
}

static void on_ping_answered(struct h2_session *s, const uint8_t *payload)
{
    if (memcmp(payload, leave_ping, sizeof leave_ping) == 0)
        leave(s->owner);
}

static void on_refused(UNUSED struct h2_session *s)
{
    gate.counters->h2_streams_refused++;
}

/* --- What the client may cost ----------------------------------------------------------------- */

static void earn_by_sending(struct h2_connection *h)
{
    h2_budget_sent(&h->budget, h->session.data_frames_sent - h->frames_earned);
    h->frames_earned = h->session.data_frames_sent;
}

static int on_frame(struct h2_session *s, const nghttp2_frame_hd *head)
{
    struct h2_connection *h = s->owner;
    h2_budget_frame(&h->budget, head);
    if (!h2_budget_is_spent(&h->budget))
        return 0;
    earn_by_sending(h); /* it may have deserved more meanwhile */
    return h2_budget_is_spent(&h->budget) ? -EDQUOT : 0;
}

static void on_data(struct h2_session *s, size_t bytes)
{
    struct h2_connection *h = s->owner;
    h2_budget_data(&h->budget, bytes);
}

/* Our own troubles cost the client nothing; its RST_STREAM is paid for as a frame. */
static void on_stream_reset(struct h2_session *s, uint32_t error_code)
{
    struct h2_connection *h = s->owner;
    gate.counters->h2_streams_reset++;
    if (error_code != NGHTTP2_INTERNAL_ERROR && error_code != NGHTTP2_CANCEL)
        h2_budget_charge(&h->budget, H2_RESETS, H2_COST_OF_RESET);
}

static int calm(struct h2_connection *h, const struct failure *why)
{
    gate.counters->h2_abuse++;
    filters_connection_ended(why, h->connection, &h->session);
    h->is_told = true;
    if (h->session.failed)
        return h->session.failed; /* it has been told */
    h->session.why = why->text;
    if (nghttp2_session_terminate_session(h->session.nghttp2, NGHTTP2_ENHANCE_YOUR_CALM) == 0)
        h2_session_wake(&h->session);
    return -EDQUOT;
}

/* After some frames. 0 · -EDQUOT the account is empty, and the client has been told */
static int settle_budget(struct h2_connection *h)
{
    struct h2_session *s = &h->session;
    uint64_t wasted = (s->wasted_bytes - h->wasted_charged) / WASTED_BYTES_PER_POINT;
    uint64_t ignored = s->guard.frames - s->frames_seen;
    h2_budget_fill(&h->budget, loop_now_ms());
    h2_budget_charge(&h->budget, H2_CONTROL, COST_OF_IGNORED * (ignored - h->ignored_charged));
    h->ignored_charged = ignored;
    earn_by_sending(h);
    h2_budget_charge(&h->budget, H2_HEADS, wasted);
    h->wasted_charged += wasted * WASTED_BYTES_PER_POINT;
    bool address_can_pay =
        !h->connection->is_counted ||
        h2_budget_report(&h->budget, gate.shared.accounts, h->connection->peer, loop_now_ms());
    if (h2_budget_is_spent(&h->budget))
        return calm(h, &spent[h2_budget_main_expense(&h->budget)]);
    return address_can_pay ? 0 : calm(h, &address_spent);
}

static const struct h2_events events = { .on_frame = on_frame,
                                         .on_data = on_data,
                                         .on_stream_reset = on_stream_reset,
                                         .on_request = on_request,
                                         .on_refused = on_refused,
                                         .on_ping_answered = on_ping_answered,
                                         .on_goodbye_sent = on_goodbye_sent };

/* --- The connection --------------------------------------------------------------------------- */

static struct h2_connection *open_connection(struct connection *c)
{
    const struct limits_global *limits = &gate.configuration->limits;
    struct h2_settings settings = { .is_server = true,
                                    .allows_connect = true,
                                    .streams_max = limits->streams_max,
                                    .stream_window = STREAM_WINDOW,
                                    .head_bytes_max = limits->head_bytes_max,
                                    .head_fields_max = 4 * limits->fields_max,
                                    .stall_ms = timeouts()->send_ms };
    struct h2_connection *h = calloc(1, sizeof *h);
    if (!h || h2_session_open(&h->session, &c->socket, &settings, &events, h) != 0) {
        free(h);
        return NULL;
    }
    h->connection = c;
    h->opened_ms = loop_now_ms();
    h2_budget_open(&h->budget, limits->h2_budget, loop_now_ms());
    bundle_open(&h->exchanges);
    gate.counters->h2_connections++;
    return h;
}

static void free_connection(struct connection *c)
{
    h2_session_close(&c->h2->session);
    free(c->h2);
    c->h2 = NULL;
    gate.counters->h2_connections--;
}

void h2_server_close(struct connection *c)
{
    h2_session_say_goodbye(&c->h2->session, NGHTTP2_NO_ERROR);
    free_connection(c);
}

static int feed_input(struct connection *c)
{
    struct buffer *b = c->input;
    if (!b)
        return 0;
    c->h2->session.bytes_read += buffer_length(b);
    int result = h2_session_feed(&c->h2->session, slice_of(b->memory + b->start, buffer_length(b)));
    buffer_drop(&c->input);
    return result;
}

/* Something is under way that a parked connection cannot do. */
static bool is_busy(const struct h2_connection *h)
{
    return h->at_work || h->session.head_began_ms || !h->session.settled || h->leaving == ANNOUNCED;
}

/* What must have come by when: the preface, the rest of a head, the answer to our PING. */
static int64_t read_deadline(const struct h2_connection *h)
{
    int64_t header_ms = timeouts()->header_ms;
    if (!h->session.settled)
        return h->opened_ms + header_ms;
    if (h->session.head_began_ms)
        return h->session.head_began_ms + header_ms;
    return h->leaving == ANNOUNCED ? h->announced_ms + LEAVE_MS : NEVER;
}

static int read_some(struct h2_connection *h)
{
    int result = h2_session_receive(&h->session, read_deadline(h));
    if (result == -EINTR)
        return h->session.failed;
    if (result == 0 || h2_budget_is_spent(&h->budget))
        return settle_budget(h);
    if (result != -ETIMEDOUT)
        return result;
    if (read_deadline(h) > loop_now_ms())
        return 0;
    if (h->session.settled && !h->session.head_began_ms) {
        leave(h); /* a client that answers no PING is not waited for */
        return 0;
    }
    filters_connection_ended(&late_head, h->connection, &h->session);
    h->is_told = true;
    return -ETIMEDOUT;
}

static bool is_in_debt(const struct connection *c)
{
    return c->is_counted &&
           h2_budget_standing(gate.configuration->limits.h2_budget, gate.shared.accounts, c->peer,
                              loop_now_ms()) != H2_SOLVENT;
}

/* 0 nothing is under way any more · -errno the connection is over */
static int serve(struct h2_connection *h)
{
    struct connection *c = h->connection;
    TRY(h2_session_begin(&h->session));
    if (c->requests == 0 && is_in_debt(c)) {
        h2_budget_fine(&h->budget, gate.shared.accounts, c->peer, loop_now_ms());
        return calm(h, &address_spent);
    }
    int result = feed_input(c);
    if (result == 0 || h2_budget_is_spent(&h->budget))
        result = settle_budget(h);
    TRY(result);
    while (is_busy(h))
        TRY(read_some(h));
    TRY(h2_session_flush(&h->session, NEVER)); /* the writer has its own limit */
    return h->leaving == LEFT || h2_session_is_over(&h->session) ? -ESHUTDOWN : 0;
}

/* The client broke the rules of the protocol. */
static void note_broken(const struct h2_connection *h)
{
    struct failure broken = { .whose = FAULT_CLIENT,
                              .status = 400,
                              .reason = "h2.protocol-error",
                              .text = h->session.why ? h->session.why : "a protocol error" };
    filters_connection_ended(&broken, h->connection, &h->session);
}

/* Ends whatever runs. */
static void end(struct connection *c, int result)
{
    struct h2_connection *h = c->h2;
    bool is_gone = h->session.failed && h->session.failed != -EPROTO;
    if (is_gone)
        c->client_gone = true;
    else if (result != -ECANCELED && h2_session_flush(&h->session, loop_now_ms() + GOODBYE_MS) != 0)
        h->session.why = h->session.why ? h->session.why : "it did not take our last words";
    bundle_end(&h->exchanges);
    h2_session_end(&h->session);
    if (h->session.failed == 0 && result != -ESHUTDOWN)
        h2_session_say_goodbye(&h->session, NGHTTP2_NO_ERROR);
    if (result == -EPROTO && !h->is_told)
        note_broken(h);
    if (!is_gone && result != -ECANCELED)
        c->h2_linger_bytes =
            h2_budget_is_spent(&h->budget) || result == -EDQUOT ? LINGER_BYTES_OF_ABUSE : SIZE_MAX;
    free_connection(c);
}

bool h2_server_serve(struct connection *c)
{
    if (!c->h2)
        c->h2 = open_connection(c);
    if (!c->h2) {
        filters_connection_refused(&crowd_no_memory, c->peer);
        return false;
    }
    if (gate.is_draining)
        announce(c->h2);
    int result = serve(c->h2);
    if (result != 0) {
        end(c, result);
        return false;
    }
    h2_session_end(&c->h2->session);
    return true;
}
