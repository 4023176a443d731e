/* The simulated clients. */
#include <stdarg.h>
#include <stdio.h>

#include "world.h"

#define EXCHANGES_MAX 6u
#define SCRIPT_MAX    ((1u << 20) + 8192)

struct client {
    struct peer *peer;
    enum client_kind kind;
    int listener;
    struct planned *planned[EXCHANGES_MAX];
    uint32_t count, sending, receiving;
    struct message in;
    struct happening act, leave;
    const char *script; /* of the request being sent, and what of it is left */
    size_t script_length, script_left;
    size_t held_back; /* the body that waits for 100 (Continue) */
    bool is_writing, is_over, lingers;
    struct client *next;
};

static struct client *clients;

static const char *const hosts[HOST_KINDS] = { "calm.test", "restless.test", "bad.test",
                                               "narrow.test" };

/* --- What is asked ---------------------------------------------------------------------------- */

static enum request_kind choose_request(enum client_kind kind, bool is_last)
{
    if (kind == CLIENT_OLD)
        return (enum request_kind)simulation_below(REQUEST_POST + 1);
    uint64_t roll = simulation_below(100);
    if (roll < 35)
        return REQUEST_GET;
    if (roll < 80)
        return (enum request_kind)(1 + simulation_below(REQUEST_EXPECT));
    if (!is_last || kind == CLIENT_HALF_CLOSE || kind == CLIENT_PIPELINE)
        return REQUEST_GET;
    return roll < 92 ? REQUEST_WEBSOCKET : REQUEST_MALFORMED;
}

static uint32_t body_bytes(void)
{
    return (uint32_t)simulation_skewed(world.body_max);
}

static struct planned *plan_exchange(const struct client *c, bool is_last)
{
    EXPECT(world.planned_count < PLANNED_MAX, "too many exchanges are planned");
    struct planned *p = &world.planned[world.planned_count];
    *p = (struct planned){ .number = world.planned_count++, .client = world.clients_left };
    p->request = choose_request(c->kind, is_last);
    p->host = (enum host_kind)(simulation_chance(60) ? HOST_CALM : simulation_below(HOST_KINDS));
    p->reply =
        (enum reply_kind)simulation_below(p->host == HOST_BAD ? REPLY_KINDS : REPLY_GOOD_KINDS);
    if (p->request == REQUEST_WEBSOCKET && p->reply < REPLY_GOOD_KINDS)
        p->reply = REPLY_LENGTH;
    if (p->request >= REQUEST_POST && p->request <= REQUEST_WEBSOCKET)
        p->request_bytes = body_bytes();
    if (p->reply != REPLY_EMPTY)
        p->response_bytes = body_bytes() + (p->reply >= REPLY_GOOD_KINDS);
    return p;
}

bool is_idempotent(enum request_kind kind)
{
    return kind == REQUEST_GET || kind == REQUEST_HEAD || kind == REQUEST_WEBSOCKET;
}

/* Does this exchange have to come to its good end, given that those before it did? */
static bool must_succeed(const struct client *c, const struct planned *p)
{
    if (!world.is_good_weather || c->kind >= CLIENT_GOOD_KINDS)
        return false;
    if (p->request == REQUEST_MALFORMED || p->reply >= REPLY_GOOD_KINDS)
        return false;
    if (p->host == HOST_RESTLESS)
        return p->request == REQUEST_GET || p->request == REQUEST_HEAD;
    return p->host == HOST_CALM;
}

static void plan_exchanges(struct client *c)
{
    bool all_good = true;
    c->count = 1 + (uint32_t)simulation_skewed(EXCHANGES_MAX - 1);
    if (c->kind == CLIENT_OLD)
        c->count = 1;
    for (uint32_t i = 0; i < c->count; i++) {
        struct planned *p = c->planned[i] = plan_exchange(c, i + 1 == c->count);
        p->must_be_refused = all_good && p->request == REQUEST_MALFORMED && world.is_good_weather &&
                             c->kind < CLIENT_GOOD_KINDS;
        all_good = all_good && must_succeed(c, p);
        p->must_succeed = all_good;
    }
}

/* --- The request as bytes --------------------------------------------------------------------- */

static char built[SCRIPT_MAX];
static size_t built_length;

static PRINTF(1, 2) void add(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    built_length +=
        (size_t)vsnprintf(built + built_length, sizeof built - built_length, format, arguments);
    va_end(arguments);
}

static void add_body(const struct planned *p, uint64_t from, size_t count)
{
    EXPECT(built_length + count <= sizeof built, "the simulation's own buffer is too small");
    pattern_fill(built + built_length, p->number, PATTERN_REQUEST, from, count);
    built_length += count;
}

static void add_chunks(const struct planned *p)
{
    for (uint32_t at = 0; at < p->request_bytes;) {
        uint32_t chunk = 1 + (uint32_t)simulation_skewed(p->request_bytes);
        if (chunk > p->request_bytes - at)
            chunk = p->request_bytes - at;
        add("%x\r\n", chunk);
        add_body(p, at, chunk);
        add("\r\n");
        at += chunk;
    }
    add("0\r\n\r\n");
}

/* Things that no request may be; each names its exchange so that it would be seen at an origin. */
static void add_malformed(const struct planned *p)
{
    static const char *const bad[] = {
        "GET /x/%u HTTP/1.1\r\nHost : calm.test\r\n\r\n",
        "GET /x/%u HTTP/1.1\r\nHost: calm.test\r\nHost: calm.test\r\n\r\n",
        "GET /x/%u HTTP/1.1\r\n\r\n",
        "GET /x/%u HTTP/1.1\nHost: calm.test\n\n",
        "GET  /x/%u HTTP/1.1\r\nHost: calm.test\r\n\r\n",
        "GET /x/%u HTTP/2.0\r\nHost: calm.test\r\n\r\n",
        "POST /x/%u HTTP/1.1\r\nHost: calm.test\r\nContent-Length: 3\r\nContent-Length: "
        "4\r\n\r\nabcd",
        "POST /x/%u HTTP/1.1\r\nHost: calm.test\r\nContent-Length: 3\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /x/%u HTTP/1.1\r\nHost: calm.test\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET /x/%u HTTP/1.1\r\nHost: calm.test\r\n folded: x\r\n\r\n",
        "GET /x/%u/%%2e%%2e/%%00 HTTP/1.1\r\nHost: calm.test\r\n\r\n",
        "CONNECT /x/%u HTTP/1.1\r\nHost: calm.test\r\n\r\n",
    };
    built_length += (size_t)snprintf(built + built_length, sizeof built - built_length,
                                     bad[simulation_below(ARRAY_LENGTH(bad))], p->number);
    add_body(p, 0, body_bytes()); /* and the client goes on and on */
}

static void build(const struct client *c, const struct planned *p)
{
    static const char *const methods[] = { "GET", "HEAD", "POST", "POST", "POST", "GET" };
    built_length = 0;
    if (p->request == REQUEST_MALFORMED) {
        add_malformed(p);
        return;
    }
    add("%s /x/%u HTTP/1.%u\r\nHost: %s\r\n", methods[p->request], p->number,
        c->kind == CLIENT_OLD ? 0u : 1u, hosts[p->host]);
    if (p->request == REQUEST_WEBSOCKET)
        add("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    if (p->request == REQUEST_EXPECT)
        add("Expect: 100-continue\r\n");
    bool chunked = p->request == REQUEST_CHUNKED || (p->request == REQUEST_EXPECT && p->number % 2);
    if (chunked)
        add("Transfer-Encoding: chunked\r\n");
    else if (p->request == REQUEST_POST || p->request == REQUEST_EXPECT)
        add("Content-Length: %u\r\n", p->request_bytes);
    add("\r\n");
}

static void build_body(const struct planned *p)
{
    if (p->request == REQUEST_CHUNKED || (p->request == REQUEST_EXPECT && p->number % 2))
        add_chunks(p);
    else if (p->request == REQUEST_POST || p->request == REQUEST_EXPECT)
        add_body(p, 0, p->request_bytes);
}

/* --- Sending ---------------------------------------------------------------------------------- */

static void over(struct client *c)
{
    if (c->is_over)
        return;
    c->is_over = true;
    world.clients_left--;
    happening_clear(&c->act);
    happening_clear(&c->leave);
}

static void say_more(struct client *c);

static void begin_request(struct client *c)
{
    struct planned *p = c->planned[c->sending];
    build(c, p);
    size_t head = built_length;
    build_body(p);
    char *copy = simulation_take(built_length);
    memcpy(copy, built, built_length);
    c->script = copy;
    c->script_length = c->script_left = built_length;
    c->held_back = p->request == REQUEST_EXPECT ? built_length - head : 0;
    c->is_writing = true;
    if (c->kind == CLIENT_STALLED && c->sending + 1 == c->count) {
        c->script_left = 1 + simulation_below(built_length - 1);
        c->script_length = 0; /* it will not be all */
        c->held_back = 0;
    }
    say_more(c);
}

static void end_request(struct client *c)
{
    struct planned *p = c->planned[c->sending];
    c->is_writing = false;
    p->was_sent = c->script_length > 0;
    c->sending++;
    if (c->kind == CLIENT_PIPELINE && c->sending < c->count)
        begin_request(c);
    else if (c->kind == CLIENT_HALF_CLOSE && c->sending == c->count)
        peer_end(c->peer);
    else if (c->kind == CLIENT_STUCK && c->sending == c->count) {
        peer_pause(c->peer, true);
        over(c); /* it will not hear of its end */
    }
}

static void say_more(struct client *c)
{
    size_t most = c->script_left > c->held_back ? c->script_left - c->held_back : 0;
    size_t part = most;
    if (c->kind == CLIENT_SLOW_WRITER)
        part = simulation_below(most) / 2 + 1 < most ? simulation_below(most) / 2 + 1 : most;
    peer_send(c->peer, slice_of(c->script, part));
    c->script += part;
    c->script_left -= part;
    if (c->script_left == 0)
        end_request(c);
    else if (c->script_left > c->held_back)
        happening_plan(&c->act, (int64_t)simulation_skewed(50000));
    else
        happening_plan(&c->act, 1000000); /* for 100 (Continue); then the body goes anyway */
}

/* After the 101 (Switching Protocols): bytes with a pattern both ways. */
static void send_frames(struct client *c)
{
    const struct planned *p = c->planned[c->receiving];
    built_length = 0;
    add_body(p, 0, p->request_bytes);
    peer_send(c->peer, slice_of(built, built_length));
}

/* --- Receiving -------------------------------------------------------------------------------- */

static bool has_body(const struct message *m, const struct planned *p)
{
    return p->request != REQUEST_HEAD && m->status != 204 && m->status != 304;
}

static void judge_head(struct client *c)
{
    struct message *m = &c->in;
    struct planned *p = c->planned[c->receiving];
    EXPECT(m->state != MESSAGE_BROKEN && m->status, "exchange %u: no HTTP came back:\n%.*s",
           p->number, (int)m->head_length, m->head);
    EXPECT(m->exchange < 0 || m->exchange == p->number,
           "exchange %u got the response to exchange %lld", p->number, (long long)m->exchange);
    EXPECT(m->status >= 200 || c->kind != CLIENT_OLD, "an interim response for HTTP/1.0");
    if (m->status < 200 && m->status != 101) {
        bool goes_on = m->status == 100 && c->held_back;
        message_open(m);
        if (goes_on) {
            c->held_back = 0;
            say_more(c);
        }
        return;
    }
    p->status = m->status;
    p->from_origin = m->exchange >= 0;
    if (p->from_origin)
        message_expect_pattern(m, p->number, PATTERN_RESPONSE);
    if (m->status == 101) {
        EXPECT(p->request == REQUEST_WEBSOCKET, "101 for a request that did not ask");
        message_until_end(m);
        send_frames(c);
        if (p->response_bytes == 0)
            peer_end(c->peer);
    } else if (!has_body(m, p)) {
        message_without_body(m);
    } else if (!m->chunked && m->length < 0) {
        EXPECT(c->kind == CLIENT_OLD, "a response for HTTP/1.1 that ends with its connection");
        message_until_end(m);
    } else {
        message_with_body(m);
    }
}

/* The response is complete as far as HTTP can tell. */
static void judge_complete(struct client *c)
{
    struct planned *p = c->planned[c->receiving];
    p->is_complete = true;
    EXPECT(p->request != REQUEST_MALFORMED || !p->from_origin,
           "exchange %u: a malformed request was answered by an origin", p->number);
    if (!p->from_origin)
        return;
    bool empty = p->request == REQUEST_HEAD || p->reply == REPLY_EMPTY;
    EXPECT(p->origin_sent_all || p->request == REQUEST_HEAD,
           "exchange %u: a response that the origin did not complete (kind %d)", p->number,
           p->reply);
    EXPECT(c->in.body == (empty ? 0 : p->response_bytes),
           "exchange %u: %llu bytes of response instead of %u", p->number,
           (unsigned long long)c->in.body, p->response_bytes);
}

static void leave(struct client *c)
{
    if (!c->lingers)
        peer_close(c->peer);
    over(c);
}

static void next(struct client *c)
{
    bool persists = c->kind != CLIENT_OLD && !c->in.closes;
    c->receiving++;
    message_open(&c->in);
    if (c->receiving == c->count || !persists) {
        leave(c);
        return;
    }
    if (c->kind != CLIENT_PIPELINE && c->receiving > c->sending) {
        leave(c); /* answered before it had said all: it does not go on */
        return;
    }
    if (c->kind != CLIENT_PIPELINE)
        happening_plan(&c->act, (int64_t)simulation_skewed(500000));
}

static void received(struct peer *peer, slice bytes)
{
    struct client *c = peer_owner(peer);
    while (bytes.len && !c->is_over) {
        struct planned *p = c->planned[c->receiving];
        bytes = slice_after(bytes, message_read(&c->in, bytes));
        EXPECT(!c->in.is_wrong, "exchange %u: a byte of the response is not what was sent",
               p->number);
        if (c->in.state == MESSAGE_HEAD_DONE || c->in.state == MESSAGE_BROKEN)
            judge_head(c);
        if (c->in.state == MESSAGE_DONE) {
            judge_complete(c);
            next(c);
        } else if (c->in.state == MESSAGE_UNTIL_END && p->status == 101) {
            EXPECT(c->in.body <= p->response_bytes, "exchange %u: bytes were invented", p->number);
            if (c->in.body == p->response_bytes)
                peer_end(peer);
        }
    }
}

static void ended(struct peer *peer)
{
    struct client *c = peer_owner(peer);
    if (c->is_over)
        return;
    struct planned *p = c->planned[c->receiving];
    if (c->in.state == MESSAGE_UNTIL_END && p->status != 101)
        judge_complete(c);
    if (c->in.state == MESSAGE_UNTIL_END && p->status == 101)
        p->is_complete = c->in.body == p->response_bytes && p->origin_read_all;
    peer_close(peer);
    over(c);
}

static void broken(struct peer *peer)
{
    over(peer_owner(peer));
}

/* --- Coming and going ------------------------------------------------------------------------- */

static void on_leave(struct happening *h)
{
    struct client *c = CONTAINER_OF(h, struct client, leave);
    if (c->kind == CLIENT_ABORTS)
        peer_reset(c->peer);
    else
        peer_close(c->peer);
    over(c);
}

static void come(struct client *c)
{
    static const struct role role = { NULL, received, ended, broken };
    struct address from;
    struct ip ip = { { [10] = 0xff, 0xff, 192, 0, 2, (uint8_t)(1 + simulation_below(5)) } };
    address_from_ip(ip, (uint16_t)(1024 + simulation_below(60000)), &from);
    c->peer = network_connect(c->listener, &from, &role, c);
    if (c->kind == CLIENT_SLOW_READER)
        peer_read_slowly(c->peer, 500 + (uint32_t)simulation_below(4000),
                         (int64_t)simulation_below(10000));
    if (c->kind == CLIENT_ABORTS || c->kind == CLIENT_CLOSES)
        happening_plan(&c->leave, (int64_t)simulation_skewed(3000000));
    begin_request(c);
}

static void on_act(struct happening *h)
{
    struct client *c = CONTAINER_OF(h, struct client, act);
    if (!c->peer) {
        come(c);
        return;
    }
    if (!peer_is_open(c->peer))
        return;
    if (c->is_writing) {
        if (c->script_left <= c->held_back)
            c->held_back = 0; /* nobody said 100 (Continue) */
        say_more(c);
    } else if (c->sending < c->count && c->sending == c->receiving) {
        begin_request(c);
    }
}

void client_make(int listener)
{
    struct client *c = simulation_take(sizeof *c);
    c->listener = listener;
    c->kind = (enum client_kind)(simulation_chance(60) ? simulation_below(CLIENT_GOOD_KINDS)
                                                       : simulation_below(CLIENT_KINDS));
    c->act.happen = on_act;
    c->leave.happen = on_leave;
    c->lingers = simulation_chance(40);
    message_open(&c->in);
    plan_exchanges(c);
    c->next = clients;
    clients = c;
    world.clients_left++;
    happening_plan(&c->act, (int64_t)simulation_skewed(3000000));
}

void clients_open(void)
{
    clients = NULL;
}

void clients_report(void)
{
    for (const struct client *c = clients; c; c = c->next) {
        if (c->is_over)
            continue;
        const struct planned *p = c->planned[c->receiving];
        fprintf(
            stderr,
            "  client kind %d is at %u of %u (sent %u), exchange %u: request %d reply %d host %d, "
            "state %d status %u, %llu bytes of body, %zu unsent%s\n",
            c->kind, c->receiving, c->count, c->sending, p->number, p->request, p->reply, p->host,
            c->in.state, p->status, (unsigned long long)c->in.body, c->script_left,
            c->peer && peer_is_open(c->peer) ? "" : ", its connection is gone");
    }
}
