/* A simulated network: the twin of net/kernel.c. Everything above that header is the program's own
 * code, unchanged; what stands at the far end of each connection is a peer, played by a test.
 *
 * A connection is two pipes of bytes, each with a window of its own. What is sent arrives in pieces
 * of any size, later, in order; a FIN arrives behind the last piece or together with it; a reset
 * takes with it what had not arrived. As with Linux's TCP, closing a socket that holds unread bytes
 * resets the connection, and so do bytes that arrive at a closed one; a short write is followed by
 * an edge when there is room again. The seed and the weather decide the rest. */
#pragma once

#include "base/slice.h"
#include "net/address.h"

struct weather {
    uint32_t delay_us_max;    /* of a piece on its way */
    uint32_t piece_max;       /* its bytes */
    uint32_t window_max;      /* of a pipe; at least 512 */
    uint32_t short_writes;    /* percent of writes that take less than they could */
    uint32_t connect_refuse;  /* percent of connects to origins that are refused, ... */
    uint32_t connect_hang;    /* ... are never answered, ... */
    uint32_t connect_at_once; /* ... succeed within the call, as over a Unix socket */
    uint32_t accept_abort;    /* percent of accepts that find the client gone */
    uint32_t breaks;          /* percent of connections that are cut at some moment, both ways */
};

struct peer;

/* What a peer does when something reaches it. Nothing is called any more after `broken`,
 * peer_close or peer_reset. */
struct role {
    void (*opened)(struct peer *); /* of an origin: the program's connection has come */
    void (*received)(struct peer *, slice bytes);
    void (*ended)(struct peer *); /* a FIN, behind everything that was received */
    void (*broken)(struct peer *);
};

void network_open(const struct weather *weather);
void network_close(void); /* listeners too; the program's sockets must be closed */

/* A listener of the program's. Its descriptor. */
int network_listen(const struct address *at);
void network_unlisten(int fd); /* what is queued there is reset */

/* A client comes to a listener, from an address. */
struct peer *network_connect(int listener, const struct address *from, const struct role *role,
                             void *owner);
/* An origin: connections that the program opens to this address get this role. */
void network_serve(const struct address *at, const struct role *role, void *owner);

void *peer_owner(const struct peer *p);
void peer_set_owner(struct peer *p, void *owner);

/* Queued without bound, sent as the window allows; the bytes are copied. */
void peer_send(struct peer *p, slice bytes);
void peer_end(struct peer *p);   /* FIN behind what was sent; still reads */
void peer_close(struct peer *p); /* FIN, and whatever comes is answered with a reset */
void peer_reset(struct peer *p);
/* Takes at most `bytes` at a time and rests so long in between; 0, 0: everything at once. */
void peer_read_slowly(struct peer *p, uint32_t bytes, int64_t rest_us);
void peer_pause(struct peer *p, bool paused); /* takes nothing at all */
bool peer_is_open(const struct peer *p);      /* neither broken nor closed by itself */

/* Connections that either end still holds open. */
uint32_t network_connection_count(void);
