/* The simulated origins. */
#include <stdarg.h>
#include <stdio.h>

#include "world.h"

#define RESPONSE_BYTES_MAX (1u << 20)

struct origin_connection {
    struct peer *peer;
    struct message in;
    struct planned *now; /* the exchange in progress */
    struct happening step;
    enum host_kind host;
    const char *rest; /* of the answer, and how much of it is left for later steps */
    size_t rest_length;
    bool must_answer, is_answering, has_served;
};

/* --- The answer as bytes ---------------------------------------------------------------------- */

static char built[RESPONSE_BYTES_MAX + 8192];
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
    pattern_fill(built + built_length, p->number, PATTERN_RESPONSE, from, count);
    built_length += count;
}

static void add_chunks(const struct planned *p)
{
    for (uint32_t at = 0; at < p->response_bytes;) {
        uint32_t chunk = 1 + (uint32_t)simulation_skewed(p->response_bytes);
        if (chunk > p->response_bytes - at)
            chunk = p->response_bytes - at;
        add(simulation_chance(50) ? "%x\r\n" : "%04X;an=extension\r\n", chunk);
        add_body(p, at, chunk);
        add("\r\n");
        at += chunk;
        if (p->reply == REPLY_BAD_CHUNK && at > p->response_bytes / 2) {
            add("-5\r\n");
            return;
        }
        if (built_length > RESPONSE_BYTES_MAX - p->response_bytes)
            break; /* the many small ones have filled the buffer: one for the rest */
    }
    add("0\r\n%s\r\n", simulation_chance(30) ? "X-Trailer: yes\r\n" : "");
}

static bool is_chunked(const struct planned *p)
{
    return p->reply == REPLY_CHUNKED || p->reply == REPLY_BAD_CHUNK;
}

static void add_interim(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        add("HTTP/1.1 %s\r\nLink: </a.css>; rel=preload\r\n\r\n",
            simulation_chance(70) ? "103 Early Hints" : "102 Processing");
}

static void build(const struct planned *p)
{
    built_length = 0;
    if (p->reply == REPLY_GARBAGE) {
        add("HTTP/1.1 200 OK\r\nX-Exchange: %u\r\nBad Name: x\r\n\r\n", p->number);
        return;
    }
    if (p->reply == REPLY_INTERIM || p->reply == REPLY_FLOOD)
        add_interim(p->reply == REPLY_FLOOD ? 40 : 1 + (uint32_t)simulation_below(6));
    if (p->request == REQUEST_WEBSOCKET) { /* the key is the example of RFC 6455 §1.3 */
        add("HTTP/1.1 101 Switching Protocols\r\nX-Exchange: %u\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            p->number);
        return;
    }
    add("HTTP/1.1 %s\r\nX-Exchange: %u\r\nServer: a secret\r\n",
        p->reply == REPLY_EMPTY ? "204 No Content" : "200 OK", p->number);
    if (is_chunked(p))
        add("Transfer-Encoding: chunked\r\n");
    else if (p->reply != REPLY_UNTIL_END && p->reply != REPLY_EMPTY)
        add("Content-Length: %u\r\n", p->response_bytes);
    if (p->reply == REPLY_UNTIL_END && p->request == REQUEST_HEAD)
        add("Connection: close\r\n"); /* nothing else says it */
    add("\r\n");
    if (p->request == REQUEST_HEAD || p->reply == REPLY_EMPTY)
        return;
    if (is_chunked(p))
        add_chunks(p);
    else
        add_body(p, 0, p->response_bytes);
    if (p->reply == REPLY_LEFT_OVER)
        add("HTTP/1.1 200 OK\r\nX-Exchange: %u\r\nContent-Length: 0\r\n\r\n", p->number);
}

/* --- Answering -------------------------------------------------------------------------------- */

/* Where an answer that does not come to its end stops. */
static size_t cut(const struct planned *p)
{
    bool stops =
        p->reply == REPLY_TRUNCATED || p->reply == REPLY_RESET || p->reply == REPLY_STALLED;
    return stops ? 1 + (size_t)simulation_below(built_length - 1) : built_length;
}

static void finish(struct origin_connection *o)
{
    struct planned *p = o->now;
    switch (p->reply) {
    case REPLY_TRUNCATED:
        peer_close(o->peer);
        return;
    case REPLY_RESET:
        peer_reset(o->peer);
        return;
    case REPLY_STALLED:
    case REPLY_GARBAGE:
    case REPLY_BAD_CHUNK:
    case REPLY_FLOOD:
        return; /* and waits */
    default:
        p->origin_sent_all = true;
    }
    o->is_answering = false;
    o->has_served = true;
    if (p->reply == REPLY_UNTIL_END)
        peer_close(o->peer);
    else if (p->reply == REPLY_EARLY && simulation_chance(50))
        peer_close(o->peer);
    else if (o->host == HOST_RESTLESS && p->request != REQUEST_WEBSOCKET && simulation_chance(40)) {
        happening_plan(&o->step, (int64_t)simulation_skewed(500000)); /* leaves when it is idle */
    }
}

/* In WebSocket's case the frames stand for themselves: bytes with a pattern, both ways. */
static void send_frames(struct origin_connection *o)
{
    struct planned *p = o->now;
    char bytes[4096];
    for (uint32_t at = 0; at < p->response_bytes;) {
        size_t part = p->response_bytes - at < sizeof bytes ? p->response_bytes - at : sizeof bytes;
        pattern_fill(bytes, p->number, PATTERN_RESPONSE, at, part);
        peer_send(o->peer, slice_of(bytes, part));
        at += (uint32_t)part;
    }
}

static void say_more(struct origin_connection *o)
{
    size_t part = simulation_chance(60) ? o->rest_length : simulation_below(o->rest_length + 1);
    peer_send(o->peer, slice_of(o->rest, part));
    o->rest += part;
    o->rest_length -= part;
    if (o->rest_length) {
        happening_plan(&o->step, (int64_t)simulation_skewed(400000));
        return;
    }
    if (o->now->request == REQUEST_WEBSOCKET && o->now->reply < REPLY_GOOD_KINDS)
        send_frames(o);
    finish(o);
}

static void answer(struct origin_connection *o)
{
    struct planned *p = o->now;
    o->must_answer = false;
    o->is_answering = true;
    if (p->reply == REPLY_MUTE)
        return;
    if (p->reply == REPLY_CLOSED) {
        peer_close(o->peer);
        return;
    }
    build(p);
    p->origin_sent_all |= p->reply == REPLY_LEFT_OVER; /* may be complete before all has gone */
    o->rest_length = cut(p);
    char *copy = simulation_take(o->rest_length);
    memcpy(copy, built, o->rest_length);
    o->rest = copy;
    say_more(o);
}

static void on_step(struct happening *h)
{
    struct origin_connection *o = CONTAINER_OF(h, struct origin_connection, step);
    if (!peer_is_open(o->peer))
        return;
    if (o->rest_length)
        say_more(o);
    else if (o->must_answer)
        answer(o);
    else if (o->in.state == MESSAGE_HEAD && o->in.head_length == 0)
        peer_close(o->peer); /* restless */
}

/* --- Reading ---------------------------------------------------------------------------------- */

static const char *const methods[REQUEST_KINDS] = { "GET",  "HEAD", "POST", "POST",
                                                    "POST", "GET",  "GET" };

static void answer_soon(struct origin_connection *o, int64_t us_max)
{
    o->must_answer = true;
    happening_plan(&o->step, (int64_t)simulation_skewed((uint64_t)us_max));
}

static void judge_head(struct origin_connection *o)
{
    struct message *m = &o->in;
    struct planned *p = world_find(m->exchange);
    EXPECT(m->state != MESSAGE_BROKEN && p, "an origin got a head that nobody sent:\n%.*s",
           (int)m->head_length, m->head);
    EXPECT((!o->is_answering && !o->must_answer) || o->host == HOST_BAD,
           "an origin got a request before it had answered exchange %u", o->now->number);
    EXPECT(strcmp(m->method, methods[p->request]) == 0 && m->minor_version == 1,
           "exchange %u: the origin got the method %s", p->number, m->method);
    EXPECT(p->host == o->host, "exchange %u went to the wrong origin", p->number);
    EXPECT(++p->origin_heads <= (is_idempotent(p->request) ? 2u : 1u),
           "exchange %u went to an origin %u times", p->number, p->origin_heads);
    o->now = p;
    o->rest_length = 0;
    if (o->host == HOST_RESTLESS && o->has_served && simulation_chance(15)) {
        peer_close(o->peer); /* it had decided to close before this came */
        return;
    }
    message_expect_pattern(m, p->number, PATTERN_REQUEST);
    if (p->request == REQUEST_WEBSOCKET)
        message_until_end(m);
    else
        message_with_body(m);
    if (p->request == REQUEST_WEBSOCKET || p->reply == REPLY_EARLY)
        answer_soon(o, 100000);
}

static void judge_body(struct origin_connection *o)
{
    struct planned *p = o->now;
    EXPECT(o->in.body == p->request_bytes,
           "exchange %u: the origin got a complete body of %llu bytes instead of %u", p->number,
           (unsigned long long)o->in.body, p->request_bytes);
    p->origin_read_all = true;
    if (p->reply != REPLY_EARLY)
        answer_soon(o, 300000);
    message_open(&o->in);
}

static void received(struct peer *peer, slice bytes)
{
    struct origin_connection *o = peer_owner(peer);
    while (bytes.len && peer_is_open(peer)) {
        bytes = slice_after(bytes, message_read(&o->in, bytes));
        EXPECT(!o->in.is_wrong, "exchange %u: a byte of its request is not what was sent",
               o->now ? o->now->number : 0);
        if (o->in.state == MESSAGE_HEAD_DONE || o->in.state == MESSAGE_BROKEN)
            judge_head(o);
        if (!peer_is_open(peer))
            return;
        if (o->in.state == MESSAGE_DONE)
            judge_body(o);
        if (o->in.state == MESSAGE_UNTIL_END && o->in.body == o->now->request_bytes)
            o->now->origin_read_all = true;
    }
}

static void ended(struct peer *peer)
{
    struct origin_connection *o = peer_owner(peer);
    if (o->in.state == MESSAGE_UNTIL_END) {
        EXPECT(o->in.body <= o->now->request_bytes, "exchange %u: bytes were invented",
               o->now->number);
        peer_end(peer);
        return;
    }
    peer_close(peer);
}

static void broken(UNUSED struct peer *peer)
{
}

static void opened(struct peer *peer)
{
    struct origin_connection *o = simulation_take(sizeof *o);
    enum host_kind host = *(enum host_kind *)peer_owner(peer);
    *o = (struct origin_connection){ .peer = peer, .host = host, .step = { .happen = on_step } };
    message_open(&o->in);
    peer_set_owner(peer, o);
    if (host == HOST_BAD && simulation_chance(20))
        peer_read_slowly(peer, 1 + (uint32_t)simulation_below(4000), 3000);
}

void origins_open(void)
{
    static const struct role role = { opened, received, ended, broken };
    static const struct {
        enum host_kind host;
        const char *address;
    } servers[] = { { HOST_CALM, "10.0.0.1:80" },
                    { HOST_CALM, "10.0.0.2:80" },
                    { HOST_RESTLESS, "10.0.0.3:80" },
                    { HOST_BAD, "10.0.0.4:80" },
                    { HOST_NARROW, "10.0.0.5:80" } };
    for (size_t i = 0; i < ARRAY_LENGTH(servers); i++) {
        struct address at;
        EXPECT(address_parse(slice_from(servers[i].address), &at) == 0, "no address");
        network_serve(&at, &role, (void *)(uintptr_t)&servers[i].host);
    }
}
