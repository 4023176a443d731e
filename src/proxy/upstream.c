#include "proxy/upstream.h"

#include <errno.h>

#include "proxy/client.h"
#include "proxy/grpc.h"
#include "proxy/h2_upstream.h"
#include "proxy/upstream_protocol.h"
#include "proxy/upstream_state.h"

struct server_counters *upstream_counters(const struct exchange *x)
{
    return x->server ? upstream_counters_of(x->server) : NULL;
}

struct timeout_settings upstream_timeouts(const struct exchange *x, const struct origin *origin)
{
    struct timeout_settings t = *exchange_timeouts(x);
    const struct timeout_settings *own = origin->timeout;
    if (own) {
        t.connect_ms = own->connect_ms ? own->connect_ms : t.connect_ms;
        t.head_ms = own->head_ms ? own->head_ms : t.head_ms;
        t.idle_ms = own->idle_ms ? own->idle_ms : t.idle_ms;
        t.send_ms = own->send_ms ? own->send_ms : t.send_ms;
        t.tunnel_ms = own->tunnel_ms ? own->tunnel_ms : t.tunnel_ms;
    }
    if (exchange_is_long_call(x))
        t.head_ms = t.idle_ms = t.tunnel_ms;
    return t;
}

static int refuse_connect(struct exchange *x, int result)
{
    switch (result) {
    case -ECANCELED:
    case -ENOMEM:
        return result;
    case -ETIMEDOUT:
        if (exchange_is_over(x))
            return exchange_refuse_total(x, FAULT_UPSTREAM);
        return exchange_refuse(x, FAULT_UPSTREAM, 504, "upstream.connect-timeout",
                               "no server took the connection within `timeout connect`");
    case -EAGAIN:
        return exchange_refuse(x, FAULT_POLICY, 503, "limits.fibers",
                               "no fiber is left for a connection to the origin");
    case -EPROTO: /* what the last server did wrong */
        if (exchange_is_over(x))
            return exchange_refuse_total(x, FAULT_UPSTREAM);
        return exchange_refuse(x, x->server_failure.whose, x->server_failure.status,
                               x->server_failure.reason, x->server_failure.text);
    case -EDESTADDRREQ:
        return exchange_refuse(x, FAULT_UPSTREAM, 502, "upstream.name",
                               "the server's name has not been resolved to any address");
    case -EMFILE:
    case -ENFILE:
    case -ENOBUFS:
    case -ENOSPC: /* of epoll */
    case -EADDRNOTAVAIL:
        return exchange_refuse(x, FAULT_OURS, 503, "resources.descriptors",
                               "no descriptor or port is left for a connection to the origin");
    default:
        return exchange_refuse(x, FAULT_UPSTREAM, 502, "upstream.connect",
                               "no server took the connection");
    }
}

/* A connection of HTTP/1: idle or new. */
static int take_own(struct exchange *x, const struct server *s, bool fresh)
{
    x->upstream = fresh ? NULL : upstream_take_idle(s, !method_is_idempotent(x->request.method));
    return x->upstream ? 0 : upstream_connect(x, s, SPEAKS_HTTP1, &x->upstream);
}

/* A new connection, in what the server speaks or chooses. */
static int connect_new(struct exchange *x, const struct server *s)
{
    struct upstream *u;
    TRY(upstream_connect(x, s, s->speaks, &u));
    if (upstream_speaks_http2(u, s->speaks)) {
        int result = h2_link_begin(u);
        if (result != 0) {
            upstream_destroy(u);
            return result;
        }
    }
    upstream_state_of(s)->chose_http1 = u->protocol != &h2_upstream;
    x->upstream = u;
    return 0;
}

/* Others wait for a connection that they will share: not when it tells of one client alone, nor
 * when it will be of HTTP/1 by all that is known. */
static int connect_for_all(struct exchange *x, const struct server *s)
{
    struct server_state *state = upstream_state_of(s);
    state->is_connecting = s->origin->proxy_protocol == PROXY_PROTOCOL_OFF && !state->chose_http1;
    int result = connect_new(x, s);
    state->is_connecting = false;
    event_signal_all(&state->connected);
    return result;
}

/* One that is there: a place on a connection of HTTP/2 with room, or one of HTTP/1 where the server
 * chose that. NULL: none, *reterr is 0 or -ECANCELED. */
static struct upstream *find_existing(struct exchange *x, const struct server *s, int *reterr)
{
    struct upstream *u = h2_link_find(x, s, reterr);
    if (u || *reterr != 0 || s->speaks != SPEAKS_EITHER)
        return u;
    return upstream_take_idle(s, !method_is_idempotent(x->request.method));
}

/* That, or the one that somebody is making, or a new one. */
static int take_shared(struct exchange *x, const struct server *s, bool fresh)
{
    struct server_state *state = upstream_state_of(s);
    int64_t deadline_ms = exchange_deadline(x, upstream_timeouts(x, s->origin).connect_ms);
    int result = 0;
    x->upstream = NULL;
    while (!fresh) {
        x->upstream = find_existing(x, s, &result);
        if (x->upstream || result != 0)
            return result;
        if (!state->is_connecting)
            break;
        client_watch(x);
        TRY(event_wait(&state->connected, deadline_ms));
    }
    return connect_for_all(x, s);
}

/* A WebSocket goes over HTTP/2 where the server takes it (RFC 8441), else over a connection of
 * HTTP/1 of its own. A server that can choose is not asked anew for that. */
static int take_for_websocket(struct exchange *x, const struct server *s, bool fresh)
{
    int64_t span = upstream_timeouts(x, s->origin).connect_ms;
    int result = 0;
    if (s->speaks == SPEAKS_HTTP2)
        TRY(take_shared(x, s, fresh));
    else
        x->upstream = fresh ? NULL : h2_link_find(x, s, &result);
    if (!x->upstream)
        return result != 0 ? result : take_own(x, s, fresh);
    result = h2_link_takes_websocket(x->upstream, exchange_deadline(x, span));
    if (result > 0)
        return 0;
    h2_link_let_go(x->upstream);
    x->upstream = NULL;
    return result < 0 ? result : take_own(x, s, fresh);
}

static int take_connection(struct exchange *x, const struct server *s, bool fresh)
{
    if (s->speaks == SPEAKS_HTTP1)
        return take_own(x, s, fresh);
    return x->request.upgrades_to_websocket ? take_for_websocket(x, s, fresh)
                                            : take_shared(x, s, fresh);
}

/* A connection to a server whose place is taken. */
static int take_from(struct exchange *x, const struct origin *o, const struct server *s, bool fresh)
{
    struct server_counters *counters = upstream_counters_of(s);
    x->server = s;
    x->attempts++;
    x->origin_reused = false;
    int result = take_connection(x, s, fresh);
    if (result != 0) {
        upstream_leave_place(s, o);
        return result;
    }
    counters->requests++;
    x->origin_reused = x->upstream->requests++ > 0;
    counters->reused += x->origin_reused;
    x->times.chosen = loop_now_us();
    return 0;
}

int upstream_take(struct exchange *x, const struct origin *o, bool fresh)
{
    uint64_t tried = 0;
    int result = -EHOSTUNREACH;
    for (uint32_t i = 0; i < o->server_count && i < SERVERS_TRIED_MAX; i++) {
        const struct server *s;
        TRY(upstream_find_place(x, o, tried, &s));
        result = take_from(x, o, s, fresh);
        if (result == 0 || result == -ECANCELED || result == -ENOMEM || exchange_is_over(x))
            break;
        tried |= upstream_bit_of(s, o);
    }
    return result == 0 ? 0 : refuse_connect(x, result);
}

void upstream_release(struct exchange *x)
{
    struct upstream *u = x->upstream;
    if (!u)
        return;
    const struct server *s = u->server;
    const struct origin *o = u->server->origin;
    u->protocol->release(x);
    x->upstream = NULL;
    upstream_leave_place(s, o);
}
