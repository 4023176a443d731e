#include "proxy/connection.h"

#include <errno.h>
#include <stdlib.h>

#include "net/tls.h"
#include "proxy/crowd.h"
#include "proxy/exchange.h"
#include "proxy/filter.h"
#include "proxy/gate_state.h"
#include "proxy/h2_server.h"
#include "proxy/refusal.h"
#include "proxy/scratch.h"
#include "proxy/tls_choice.h"
#include "wire/proxy_protocol.h"

/* How long a client that was refused may go on sending before the connection is closed for good. */
#define LINGER_MS 5000

/* How long a client that has ended its side may be left in peace before it is asked. */
#define PROBE_MS 250

/* How long the ticket of a handshake waits for a response that it can go with. */
#define TICKET_MS 100

/* How long a connection may stay silent when the program ends. */
#define LAST_IDLE_MS 1000

static void serve(void *argument);

static const struct timeout_settings *timeouts(void)
{
    return gate.configuration->defaults[FEATURE_TIMEOUT];
}

static void end(struct connection *c)
{
    timer_clear(&c->timer);
    buffer_drop(&c->input);
    if (c->h2)
        h2_server_close(c);
    socket_close(&c->socket);
    crowd_leave(c);
    free(c);
    gate_connection_ended();
}

/* --- Idle ------------------------------------------------------------------------------------- */

static const struct failure no_buffer = { .whose = FAULT_POLICY,
                                          .status = 503,
                                          .reason = "limits.buffered",
                                          .text = "no memory for a request within `limits "
                                                  "buffered`" };

/* Nothing is left to serve what has arrived: refused in one write, nobody waits. */
static void refuse_resources(struct connection *c, const struct failure *why)
{
    crowd_refuse(&c->socket, why, c->peer, &gate.counters->connections_refused_resources);
}

/* Bytes have arrived, or the client has ended an idle connection. */
static void on_ready(struct pollable *p)
{
    struct connection *c = CONTAINER_OF(p, struct connection, socket.poll);
    struct buffer *b = buffer_take();
    ssize_t got = socket_read_now(&c->socket, b ? b->memory : scratch_body, BUFFER_BYTES);
    if (got == -EAGAIN) {
        buffer_release(b);
        socket_park(&c->socket, on_ready);
        return;
    }
    timer_clear(&c->timer);
    gate.counters->connections_idle--;
    if (got > 0 && b) {
        b->end = (uint32_t)got;
        c->input = b;
        int started = fiber_start("exchange", serve, c, &c->fiber);
        if (started == 0)
            return;
        refuse_resources(c, started == -EAGAIN ? &crowd_no_fiber : &crowd_no_memory);
    } else {
        buffer_release(b);
        if (got > 0)
            refuse_resources(c, buffers_are_at_limit() ? &no_buffer : &crowd_no_memory);
    }
    end(c);
}

static int64_t idle_until_ms(int64_t span_ms)
{
    if (gate.is_last && span_ms > LAST_IDLE_MS)
        span_ms = LAST_IDLE_MS;
    return loop_now_ms() + span_ms;
}

static void park(struct connection *c, int64_t span_ms)
{
    if (socket_has_unsent(&c->socket) && span_ms > TICKET_MS)
        span_ms = TICKET_MS;
    gate.counters->connections_idle++;
    timer_set(&c->timer, idle_until_ms(span_ms));
    socket_park(&c->socket, on_ready);
}

static void ask_whether_gone(struct connection *c);

static void on_timer(struct timer *t)
{
    struct connection *c = CONTAINER_OF(t, struct connection, timer);
    if (c->fiber) {
        ask_whether_gone(c);
        return;
    }
    if (socket_has_unsent(&c->socket) && socket_write_now(&c->socket, NULL, 0) == 0 &&
        !socket_has_unsent(&c->socket)) {
        timer_set(t, idle_until_ms(timeouts()->header_ms)); /* for the first request */
        return;
    }
    gate.counters->connections_idle--;
    end(c);
}

void connection_begin(struct connection *c)
{
    timer_init(&c->timer, on_timer);
    park(c, timeouts()->header_ms);
}

/* --- While a fiber serves ----------------------------------------------------------------------
 */

/* Of a connection that ends: without it nobody can be told that this is the end. */
static void await_handshake(struct connection *c)
{
    if (!tls_is_early(&c->socket))
        return;
    c->merely_waits = true;
    (void)!tls_finish(&c->socket, loop_now_ms() + LINGER_MS);
}

/* What arrives is thrown away until the client ends, so that it can read our refusal: closing with
 * unread data would reset the connection and take the response with it. */
static void linger(struct connection *c, size_t bytes_max)
{
    int64_t deadline_ms = loop_now_ms() + LINGER_MS;
    ssize_t got = 1;
    await_handshake(c);
    socket_shutdown_write(&c->socket);
    c->merely_waits = true;
    for (size_t bytes = 0; got > 0 && bytes<bytes_max; bytes += got> 0 ? (size_t)got : 0)
        got = socket_read(&c->socket, scratch_body, SCRATCH_BODY_BYTES, deadline_ms);
}

/* The PROXY header in front of the first request (v1 or v2). Only a trusted peer may say who its
 * client is. 0 · -EPROTO · -ETIMEDOUT · -ECANCELED */
static int take_proxy_header(struct connection *c)
{
    int64_t deadline_ms = c->accepted_ms + timeouts()->header_ms;
    for (;;) {
        slice bytes = slice_of(c->input->memory + c->input->start, buffer_length(c->input));
        struct proxy_addresses addresses;
        size_t used;
        int result = proxy_protocol_parse(bytes, &addresses, &used);
        if (result == 0) {
            c->input->start += (uint32_t)used;
            c->awaits_proxy_header = false;
            if (addresses.is_local)
                return 0;
            memcpy(c->peer.bytes, addresses.source, sizeof c->peer.bytes);
            memcpy(c->local.bytes, addresses.destination, sizeof c->local.bytes);
            c->peer_port = addresses.source_port;
            c->local_port = addresses.destination_port;
            return 0;
        }
        if (result != -EAGAIN || buffer_room(c->input) == 0)
            return -EPROTO;
        ssize_t got = socket_read(&c->socket, c->input->memory + c->input->end,
                                  buffer_room(c->input), deadline_ms);
        if (got <= 0)
            return got == 0 ? -EPROTO : (int)got;
        c->input->end += (uint32_t)got;
    }
}

/* The client that a PROXY header names is let in, or not, as one that connects itself is. */
static bool admit_proxied(struct connection *c)
{
    static const struct failure malformed = {
        .whose = FAULT_CLIENT,
        .reason = "proxy-protocol.malformed",
        .text = "the PROXY header is malformed, or did not come within `timeout header`"
    };
    int result = take_proxy_header(c);
    if (result != 0 && result != -ECANCELED)
        filters_connection_refused(&malformed, c->peer);
    return result == 0 && crowd_count_client(c);
}

/* What came behind the request just served. */
static void keep_left_over(struct connection *c, struct exchange *x)
{
    if (c->input || !x->head_buffer || buffer_length(x->head_buffer) == 0)
        return;
    c->input = x->head_buffer;
    x->head_buffer = NULL;
}

/* One exchange. True: the connection goes on. */
static bool serve_one(struct connection *c)
{
    struct exchange *x = exchange_make(c);
    if (!x) {
        refuse_resources(c, &crowd_no_memory);
        return false;
    }
    c->requests++;
    exchange_run(x);
    bool goes_on = !x->close_after;
    if (goes_on)
        keep_left_over(c, x);
    if (x->truncated)
        socket_reset(&c->socket);
    else if (!goes_on && x->must_linger && x->response_complete)
        linger(c, SIZE_MAX);
    exchange_free(x);
    return goes_on;
}

/* CRLF between requests is not a request (RFC 9112 §2.2). */
static bool has_request_bytes(struct connection *c)
{
    if (!c->input)
        return false;
    slice bytes = slice_of(c->input->memory + c->input->start, buffer_length(c->input));
    c->input->start += (uint32_t)h1_skip_empty_lines(bytes);
    if (buffer_length(c->input))
        return true;
    buffer_drop(&c->input);
    return false;
}

/* A request may have come with the last message of the handshake. False: the client has gone. */
static bool take_held(struct connection *c)
{
    if (!(c->socket.poll.ready & POLL_ANY_READ))
        return true;
    c->input = buffer_take();
    if (!c->input)
        return false;
    ssize_t got = socket_read_now(&c->socket, c->input->memory, BUFFER_BYTES);
    if (got > 0)
        c->input->end = (uint32_t)got;
    else
        buffer_drop(&c->input);
    return got > 0 || got == -EAGAIN;
}

/* Whether the first bytes are the preface of HTTP/2, on a listener with `h2c`. 1 they are · 0 they
 * are not · -errno */
static int speaks_h2(struct connection *c)
{
    const struct listen *listen = &gate.configuration->listens[c->listen];
    const struct tls_facts *secured = tls_facts_of(&c->socket);
    if (secured)
        return slice_equal(secured->alpn, SLICE("h2"));
    int64_t deadline_ms = loop_now_ms() + timeouts()->header_ms;
    while (listen->is_h2c && c->requests == 0 && c->input) {
        struct buffer *b = c->input;
        int result = h2_preface_check(slice_of(b->memory + b->start, buffer_length(b)));
        if (result != -EAGAIN)
            return result == 0;
        ssize_t got = socket_read(&c->socket, b->memory + b->end, buffer_room(b), deadline_ms);
        if (got <= 0)
            return got == 0 ? -ECONNRESET : (int)got;
        b->end += (uint32_t)got;
    }
    return 0;
}

static bool serve_h1(struct connection *c)
{
    bool goes_on = true;
    while (goes_on && has_request_bytes(c))
        goes_on = serve_one(c);
    return goes_on;
}

static bool serve_h2(struct connection *c)
{
    bool goes_on = h2_server_serve(c);
    if (!goes_on && c->h2_linger_bytes)
        linger(c, c->h2_linger_bytes);
    return goes_on;
}

static void serve(void *argument)
{
    struct connection *c = argument;
    bool goes_on = true;
    if (c->awaits_proxy_header)
        goes_on = admit_proxied(c);
    if (goes_on && c->socket.awaits_tls)
        goes_on = tls_secure(c) && take_held(c);
    int is_h2 = !goes_on ? -ECONNRESET : c->h2 ? 1 : speaks_h2(c);
    goes_on = is_h2 >= 0 && (is_h2 ? serve_h2(c) : serve_h1(c));
    c->fiber = NULL;
    if (goes_on) /* behind a PROXY header the first request is still to come */
        park(c, c->requests ? timeouts()->idle_ms : timeouts()->header_ms);
    else {
        await_handshake(c);
        end(c);
    }
}

void connection_drain(struct connection *c)
{
    if (c->h2)
        h2_server_drain(c);
}

void connection_resume(struct connection *c)
{
    socket_park(&c->socket, NULL);
    timer_clear(&c->timer);
    gate.counters->connections_idle--;
    if (fiber_start("exchange", serve, c, &c->fiber) != 0)
        end(c);
}

/* --- Noticing that the client went away --------------------------------------------------------
 */

static const char probe[] = H1_CONTINUE;
#define PROBE_BYTES (sizeof probe - 1)

static void give_up(struct connection *c)
{
    c->client_gone = true;
    fiber_cancel(c->fiber);
}

/* A FIN alone may be a half-close of a client that waits for its answer. A client of HTTP/1.1 is
 * asked: one that has closed for good answers an interim response with a reset, and the next edge
 * says so. A quick origin answers before that: clients that know no interim responses seldom see
 * one. */
static void ask_whether_gone(struct connection *c)
{
    if (!c->may_probe || c->socket.poll.writer) /* what is being written comes first */
        return;
    c->may_probe = false;
    size_t left = c->probe_left ? c->probe_left : PROBE_BYTES;
    struct iovec part = { (void *)(uintptr_t)(probe + PROBE_BYTES - left), left };
    ssize_t sent = socket_write_now(&c->socket, &part, 1);
    if (sent < 0 && sent != -EAGAIN)
        give_up(c);
    else if (sent > 0)
        c->probe_left = (uint8_t)(left - (size_t)sent);
}

slice connection_rest_of_probe(struct connection *c)
{
    slice rest = slice_of(probe + PROBE_BYTES - c->probe_left, c->probe_left);
    c->probe_left = 0;
    return rest;
}

static void on_edge(struct pollable *p)
{
    struct connection *c = CONTAINER_OF(p, struct connection, socket.poll);
    if (p->broken)
        give_up(c);
    else if (p->hangup && c->may_probe)
        timer_set(&c->timer, loop_now_ms() + PROBE_MS);
    /* else the next request of a pipelining client */
}

void connection_watch(struct connection *c, struct exchange *x)
{
    bool answers = x->times.head || x->response_begun; /* from now on, or already */
    c->may_probe = x->request.minor_version == 1 && !answers;
    if (!c->socket.poll.watched)
        pollable_watch(&c->socket.poll, on_edge);
    if (c->socket.poll.hangup) /* it came with the request */
        on_edge(&c->socket.poll);
}

void connection_mute(struct connection *c)
{
    c->may_probe = false;
    timer_clear(&c->timer);
}

void connection_unwatch(struct connection *c)
{
    connection_mute(c);
    if (c->socket.poll.watched)
        pollable_park(&c->socket.poll, NULL);
}

void connection_cancel(struct connection *c)
{
    if (c->fiber) {
        fiber_cancel(c->fiber);
        return;
    }
    gate.counters->connections_idle--;
    end(c);
}

void connection_hasten(struct connection *c)
{
    int64_t end_ms = loop_now_ms() + LAST_IDLE_MS;
    if (!c->fiber && c->timer.when_ms > end_ms)
        timer_set(&c->timer, end_ms);
}

bool connection_can_be_shed(const struct connection *c)
{
    return !c->shed && (!c->fiber || c->merely_waits);
}

void connection_shed(struct connection *c, const struct failure *why)
{
    c->shed = why;
    if (!c->fiber)
        filters_connection_refused(why, c->peer);
    connection_cancel(c);
}

struct ip connection_local_ip(struct connection *c)
{
    struct address local;
    if (ip_is_none(c->local) && socket_local_address(&c->socket, &local) == 0)
        c->local = address_ip(&local);
    return c->local;
}
