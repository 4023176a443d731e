#include "proxy/upstream.h"

#include <errno.h>

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
    if (!own)
        return t;
    t.connect_ms = own->connect_ms ? own->connect_ms : t.connect_ms;
    t.head_ms = own->head_ms ? own->head_ms : t.head_ms;
    t.idle_ms = own->idle_ms ? own->idle_ms : t.idle_ms;
    t.send_ms = own->send_ms ? own->send_ms : t.send_ms;
    t.tunnel_ms = own->tunnel_ms ? own->tunnel_ms : t.tunnel_ms;
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

/* A connection to a server whose place is taken, idle or new. */
static int take_from(struct exchange *x, const struct origin *o, const struct server *s, bool fresh)
{
    struct server_counters *counters = upstream_counters_of(s);
    x->server = s;
    x->attempts++;
    x->origin_reused = false;
    x->upstream = fresh ? NULL : upstream_take_idle(s, !method_is_idempotent(x->request.method));
    int result = x->upstream ? 0 : upstream_connect(x, o, s, &x->upstream);
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
