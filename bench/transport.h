/* How a connection of the load generator carries bytes: over TCP, or over TLS on it.
 *
 * It registers its socket with epoll once, edge-triggered, and never waits. With TLS it shakes
 * hands before it is open, counts handshakes by what they really were, and refuses one that is not
 * as the plan says: a session that was resumed where none was offered, or not resumed where one
 * was, and anything agreed on (version, cipher suite, group, kind of the server's key, protocol)
 * that differs from what the first connection of the run agreed on. */
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdint.h>

#include "base/slice.h"

enum { TRANSPORT_AGREED_MAX = 128 };

/* What all connections of a run have in common. The counts are added up by the connections. */
struct transport_plan {
    struct sockaddr_in to;
    unsigned sources; /* connections take turns with this many addresses from 127.0.1.1 on */
    int send_buffer;  /* SO_SNDBUF in bytes, which the kernel doubles; 0: its own choice */
    int epoll;

    SSL_CTX *tls;     /* NULL: plain TCP */
    const char *name; /* that the server is asked for (SNI) */
    bool resumes;     /* every connection but a client's first offers the session of the last */

    uint64_t full, resumed; /* handshakes since somebody set these to 0 */
    char agreed[TRANSPORT_AGREED_MAX];
};

enum transport_state {
    TRANSPORT_CLOSED,
    TRANSPORT_CONNECTING,
    TRANSPORT_SHAKING,
    TRANSPORT_OPEN,
};

struct transport {
    int fd;
    enum transport_state state;
    SSL *ssl;
    bool offers;          /* this connection asked for a session to be resumed */
    SSL_SESSION *session; /* to be offered by the next connection; kept when this one closes */
};

/* Makes the context of a plan: TLS 1.3 alone, or 1.2 alone, each with one suite of AES-128-GCM and
 * with X25519. `alpn` is what is asked for. 0 · -ENOMEM, also where the library lacks one */
MUST_CHECK int transport_plan_tls(struct transport_plan *plan, bool is_1_2, const char *alpn);
void transport_plan_end(struct transport_plan *plan);

/* Starts connecting; `data` comes back with the events. `index` chooses the source. NULL, or what
 * went wrong. */
const char *transport_start(struct transport *transport, const struct transport_plan *plan,
                            unsigned index, void *data);

/* Goes on with connecting and shaking hands. NULL: went on, and is perhaps open now; or what went
 * wrong. */
const char *transport_advance(struct transport *transport, struct transport_plan *plan,
                              uint32_t events);

/* Bytes sent or received · 0 the peer has ended (receive) · -EAGAIN · -errno lost */
MUST_CHECK ssize_t transport_send(struct transport *transport, slice bytes);
MUST_CHECK ssize_t transport_receive(struct transport *transport, void *to, size_t bytes_max);

/* Whether a receive of `got` of `bytes_max` bytes shows that there is no more for now. */
static inline bool transport_is_drained(const struct transport *transport, size_t got,
                                        size_t bytes_max)
{
    /* A record at a time comes out of TLS, however much has arrived. */
    return got < bytes_max && !transport->ssl;
}

/* Closes the connection, if one is open. The session stays, for the next. */
void transport_close(struct transport *transport);

/* Frees the session too. */
void transport_end(struct transport *transport);
