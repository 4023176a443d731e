/* What the files of the upstream side share: the worker's own state of each server and origin. Only
 * upstream*.c include this. */
#pragma once

#include <openssl/ssl.h>

#include "proxy/gate_state.h"
#include "proxy/upstream.h"
#include "runtime/event.h"

/* A request tries at most this many servers; the configuration allows no more in one origin. */
#define SERVERS_TRIED_MAX 64u

struct server_state {
    struct list idle; /* newest first */
    uint32_t idle_count;
    struct list links;      /* of HTTP/2: those that take requests, or did so; newest first */
    bool is_connecting;     /* somebody makes a connection that others will share */
    bool chose_http1;       /* a server that may speak either did so when it was asked last */
    struct event connected; /* he has */
    uint32_t in_flight;     /* of this worker */
    int32_t credit;         /* smooth weighted round robin */
    uint32_t next_address;
    SSL_SESSION *session; /* the last one of TLS with it, for the next connection; NULL: none */
};

struct origin_state {
    struct list queue; /* of exchanges that wait for a place: first come, first served */
    uint32_t waiting;
};

struct server_state *upstream_state_of(const struct server *s);
struct origin_state *upstream_queue_of(const struct origin *o);
struct server_counters *upstream_counters_of(const struct server *s);

/* --- The pool: connections that nobody uses --------------------------------------------------- */

/* One that is not connected yet, with room for a link when the server may speak HTTP/2; NULL when
 * memory is out. */
struct upstream *upstream_make(const struct server *s);

/* Closes it and frees it. Not counted as open any more. */
void upstream_destroy(struct upstream *u);

/* Keeps it for the next request, or destroys it when it is one too many or stale. */
void upstream_keep_idle(struct upstream *u);

/* The one that was used last; NULL: none. sure: the kernel is asked too whether it is still there,
 * for a request that could not go out a second time. */
struct upstream *upstream_take_idle(const struct server *s, bool sure);

/* When no descriptor is left: one that is idle gives up its own. False: there is none. */
bool upstream_give_up_idle(void);

/* --- Choosing --------------------------------------------------------------------------------- */

/* A server with its place under `max` taken, at once or after waiting in the origin's queue.
 * tried: a bit for each server that is no candidate.
 * 0 · -EREFUSED · -ECANCELED */
MAY_WAIT int upstream_find_place(struct exchange *x, const struct origin *o, uint64_t tried,
                                 const struct server **ret);

/* Gives the place back and lets the first of the queue look. */
void upstream_leave_place(const struct server *s, const struct origin *o);

static inline uint64_t upstream_bit_of(const struct server *s, const struct origin *o)
{
    return 1ull << (s - o->servers);
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* A new connection to the server: the first of its addresses that takes it, PROXY header and TLS
 * included, each within `timeout connect`.
 * speaks: what is offered in the handshake of TLS. HTTP/2 that is offered alone must be agreed to.
 *
 * 0 · -EDESTADDRREQ it has none · -EPROTO x->server_failure says what was wrong with its TLS · the
 * last error · -ENOMEM · -ECANCELED */
MAY_WAIT int upstream_connect(struct exchange *x, const struct server *s, enum server_speaks speaks,
                              struct upstream **ret);

/* It has agreed to HTTP/2 in the handshake, or was known to speak it. */
bool upstream_speaks_http2(const struct upstream *u, enum server_speaks speaks);

/* --- TLS -------------------------------------------------------------------------------------- */

/* Shakes hands on a new connection as the origin's settings say.
 * 0 · -EPROTO x->server_failure · -ECANCELED */
MAY_WAIT int upstream_start_tls(struct exchange *x, struct upstream *u, enum server_speaks speaks,
                                int64_t deadline_ms);
