/* One client of the load generator: a connection that sends one prepared request after another and
 * judges what comes back (status, length, nothing left over).
 *
 * It opens its connection when it has something to send and none is open, so a client whose
 * connection was closed between two exchanges, or that uses a new one for each, needs no special
 * care. It never waits; the data of its connection's events is the client. A WebSocket client does
 * the opening handshake first; its exchange is one frame there and back. With HTTP/2 a client has
 * no connection of its own but a place on one that it shares: see h2_link.h. */
#pragma once

#include "request.h"
#include "transport.h"

enum {
    CLIENT_RECEIVED_MAX = 2048, /* a response head, or a frame */
    CLIENT_FRAME_MAX = 1024,    /* payload of a WebSocket message */
};

/* What all clients of a run do. Only the counts of `transport` and `serial` change while it runs.
 */
struct client_plan {
    struct transport_plan transport;
    slice request;              /* head and body; with WebSocket, the opening handshake */
    struct request_marks marks; /* of the request */
    uint32_t serial;            /* of the next request */
    slice frame;                /* with WebSocket: the message; otherwise empty */
    uint64_t length;            /* that the response's body, or the message's payload, must have */
    bool close_each;            /* a new connection per request; the response ends with its close */
    unsigned streams;           /* clients that share a connection of HTTP/2; 0: HTTP/1.1 */
    const char *path;           /* with HTTP/2: what is asked for, of the host `transport.name` */
};

enum client_state {
    CLIENT_CLOSED,
    CLIENT_OPENING,   /* the connection is being made */
    CLIENT_UPGRADING, /* WebSocket: the handshake is on its way */
    CLIENT_READY,     /* between two exchanges */
    CLIENT_BUSY,      /* a request was sent, in part at least */
};

enum client_outcome {
    CLIENT_WAITS,  /* nothing to tell yet */
    CLIENT_DONE,   /* the exchange is complete and as it should be */
    CLIENT_FAILED, /* it is not: `error` says why; the connection is closed */
    CLIENT_CUT,    /* a reused connection ended before the first byte of a response; closed. What a
                      browser would silently try again */
    CLIENT_GONE,   /* the connection was closed between two exchanges */
};

struct client {
    struct transport transport;
    struct h2_link *link; /* with HTTP/2; this and the next four belong to h2_link.h */
    struct client *next_done;
    enum client_outcome outcome;
    int32_t stream;
    bool length_told;
    unsigned index;
    enum client_state state;
    bool reused; /* an exchange was completed on this connection */
    bool last;   /* the response said Connection: close */
    bool head_taken;
    uint64_t body_left;
    slice sending;
    char *varied; /* this client's request, where each is another; whoever ends the clients frees it
                   */
    int64_t intended_ns; /* when the exchange was to start */
    const char *error;
    size_t received;
    char bytes[CLIENT_RECEIVED_MAX];
};

/* Starts an exchange, over a new connection when none is open. The client is CLOSED or READY.
 * CLIENT_WAITS · CLIENT_FAILED · CLIENT_CUT */
enum client_outcome client_begin(struct client *client, struct client_plan *plan,
                                 int64_t intended_ns);

/* Goes on after an event of epoll. */
enum client_outcome client_advance(struct client *client, struct client_plan *plan,
                                   uint32_t events);

/* Closes the connection, if one is open. */
void client_close(struct client *client);
