/* A client's connection. While it is idle it is this struct, parked in epoll: no fiber, no buffer.
 * When bytes arrive a fiber serves exchanges on it until nothing is left to serve.
 *
 * Made by the gate at accept; frees itself when it closes. */
#pragma once

#include "base/buffer.h"
#include "net/address.h"
#include "net/socket.h"
#include "runtime/timer.h"
#include "shared/clients.h"

struct failure;
struct h2_connection;

struct connection {
    struct socket socket;
    struct timer timer;   /* while parked: idle; while served: the question whether it is there */
    struct list link;     /* in the gate's list of all */
    struct fiber *fiber;  /* while one serves it */
    struct buffer *input; /* bytes that arrived and are not served yet; NULL while idle */
    int64_t accepted_ms;
    struct ip peer;  /* who connected, or whom a PROXY header named */
    struct ip local; /* where that client connected to: as the header said, or the kernel, once
                        somebody asked; zero: not known */
    uint16_t peer_port;
    uint16_t local_port;
    uint32_t requests; /* begun so far */
    uint8_t listen;    /* index in the configuration */
    bool awaits_proxy_header;
    bool is_counted;    /* in the table of clients */
    bool may_probe;     /* a FIN may be asked about with an interim response */
    uint8_t probe_left; /* bytes of that response which the socket did not take */
    bool merely_waits;  /* its fiber: for the rest of a head, or for the end after a refusal */
    bool client_gone;   /* noticed while an exchange waited for its origin */
    struct h2_connection *h2;   /* NULL: HTTP/1 is spoken, or nothing yet */
    size_t h2_linger_bytes;     /* its last words in HTTP/2 are to be read; 0: nobody would */
    const struct failure *shed; /* it gives way to somebody else; NULL */
};

/* Takes over an accepted socket and parks it. Frees the connection on failure. */
void connection_begin(struct connection *c);

/* Cancels what runs on it, or closes it when it is idle. */
void connection_cancel(struct connection *c);

/* The program ends: an idle one stays open for a second more at most. */
void connection_hasten(struct connection *c);

/* A drain begins: what is said about it at once. */
void connection_drain(struct connection *c);

/* A parked connection gets its fiber although nothing has come. */
void connection_resume(struct connection *c);

/* Whether nothing is served on it: it waits for a request or the rest of a head, or lingers; and
 * lets it go, so that somebody else has room. */
bool connection_can_be_shed(const struct connection *c);
void connection_shed(struct connection *c, const struct failure *why);

/* The address the client connected to; asked from the kernel, once. */
struct ip connection_local_ip(struct connection *c);

/* Cancels the exchange in progress when the client hangs up; between the two calls nobody reads
 * from the client. */
struct exchange;
void connection_watch(struct connection *c, struct exchange *x);
/* A response is being written from now on: nothing of ours may stand in between. */
void connection_mute(struct connection *c);
/* What of an interim response must go before anything else; it counts as gone. */
slice connection_rest_of_probe(struct connection *c);
void connection_unwatch(struct connection *c);
