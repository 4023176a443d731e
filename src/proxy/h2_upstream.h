/* HTTP/2 to origin servers: connections that many exchanges share. See upstream_protocol.h for what
 * an exchange sees of it.
 *
 * A link is one connection: a struct upstream with a session. Its fiber reads for as long as it
 * lives; another one writes. It stays in its server's list while it may take requests; one that the
 * server has told to go away, or on which it broke a rule, takes no more and closes with its last
 * stream; one with a PROXY header in front takes one request. The memory of a link goes when its
 * fiber has ended and no exchange holds it. */
#pragma once

#include "proxy/h2_session.h"
#include "proxy/upstream.h"

struct h2_link {
    struct upstream base; /* first */
    struct h2_session session;
    struct fiber *reader;      /* NULL: it has ended */
    uint32_t users;            /* exchanges that hold it */
    uint32_t noise;            /* frames that move nothing */
    int64_t idle_since_ms;     /* when the last exchange let go of it */
    uint64_t idle_since_bytes; /* what it had read then */
    uint64_t late_bytes;       /* what may still be on its way for streams that were given up */
    bool is_flooded;           /* more noise than a well-behaved server makes */
};

static inline struct h2_link *h2_link_of(struct upstream *u)
{
    return CONTAINER_OF(u, struct h2_link, base);
}

/* The connection has just been made (room for a link was taken: upstream_make): it speaks HTTP/2
 * from now on, and others may share it. The caller holds it. 0 · -ENOMEM · -EAGAIN no fiber is
 * left; it is still the caller's to destroy then */
MUST_CHECK int h2_link_begin(struct upstream *u);

/* A connection to the server with room for one more stream, held for the caller; one that was idle
 * for long has answered a PING. NULL: there is none. *reterr -ECANCELED while asking, else 0. */
struct upstream *h2_link_find(struct exchange *x, const struct server *s, int *reterr);

/* Whether the server takes WebSockets on it (RFC 8441); waits for its SETTINGS.
 * 1 · 0 · -ETIMEDOUT · -ECANCELED · -ECONNRESET */
MAY_WAIT int h2_link_takes_websocket(struct upstream *u, int64_t deadline_ms);

/* The caller lets go of it. */
void h2_link_let_go(struct upstream *u);

/* Closes those that nobody holds. */
void h2_links_close_idle(const struct server *s);
