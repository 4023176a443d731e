/* Connections to origin servers: chosen, opened, kept idle, reused last in first out. One pool per
 * worker; per server a stack of idle connections, parked in epoll so that one the origin closes is
 * noticed and dropped at once.
 *
 * Choice: smooth weighted round robin over the origin's servers; one at its `max` is passed over;
 * when all are, the exchange waits in the origin's bounded queue. */
#pragma once

#include "proxy/exchange.h"
#include "runtime/timer.h"

struct upstream_protocol;

struct upstream {
    struct socket socket;
    struct timer timer; /* while idle */
    struct list link;   /* in the server's idle stack */
    const struct server *server;
    const struct upstream_protocol *protocol;
    uint32_t requests; /* begun on it; > 1: it was reused */
};

MUST_CHECK int upstream_open(const struct configuration *c); /* the pools; 0 · -ENOMEM */
void upstream_close(void);                                   /* closes all idle connections */
void upstream_close_idle(void);

/* Chooses a server and takes a connection to it into x->upstream: an idle one, or a new one when
 * `fresh` or none is idle.
 * returns 0 · -EREFUSED (x->failure: 502, 503 or 504) · -ECANCELED */
MAY_WAIT int upstream_take(struct exchange *x, const struct origin *origin, bool fresh);

/* After a connection has ended without an answer: the server did not like our certificate, or wants
 * one (TLS 1.3 says so behind the handshake). Then x->server_failure says so. */
bool upstream_refused_us(struct exchange *x);

/* Gives it back: to the pool when x->response_reusable, else closed. Harmless without one. */
void upstream_release(struct exchange *x);

/* The time limits towards an origin: what its own block says, else the route's. */
struct timeout_settings upstream_timeouts(const struct exchange *x, const struct origin *origin);

/* The counters of the server last tried; NULL before. */
struct server_counters *upstream_counters(const struct exchange *x);
