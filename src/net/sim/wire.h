/* One simulated connection: what network.c (the peers' side) and kernel_simulated.c (the program's)
 * know of it. Only net/sim includes this. */
#pragma once

#include "base/list.h"
#include "net/sim/network.h"
#include "runtime/sim/descriptor.h"

/* Bytes in one direction, by their number since the beginning: taken <= arrived <= sent. */
struct pipe {
    char *memory; /* a ring of `window` bytes */
    uint32_t window;
    uint64_t sent, arrived, taken;
    bool fin_sent, fin_arrived;     /* behind the byte number `sent` */
    bool reset_sent, reset_arrived; /* the same, for a reset */
    bool is_dead;                   /* what is put in from now on gets lost */
    struct happening arrival;
    void (*on_arrival)(struct pipe *, size_t piece);
};

struct outgoing { /* what a peer has said and the window has not taken */
    struct outgoing *next;
    slice bytes;
};

struct peer {
    const struct role *role;
    void *owner;
    struct outgoing *first, **last;
    bool ends, is_closed, is_broken, was_told_end, is_paused, is_resting;
    uint32_t bite;
    int64_t rest_us;
    struct happening rest;
};

enum wire_state { WIRE_NEW, WIRE_CONNECTING, WIRE_OPEN };

struct wire {
    struct pipe up, down; /* from the peer, to the peer */
    enum wire_state state;
    struct descriptor descriptor; /* the program's end, while it has one */
    bool is_closed;               /* by the program */
    bool shut_read, shut_write;   /* by the program */
    bool is_reset;                /* the program's end has seen a reset */
    bool lacks_space;             /* a write was short: an edge is owed */
    int error;                    /* SO_ERROR */
    struct address local, remote;
    struct peer peer;
    struct happening opening, cut;
    struct list queued; /* in a listener's queue */
    struct wire *next;
};

struct listening {
    struct descriptor descriptor;
    struct address address;
    struct list queue;
    bool is_stopped; /* nobody gets in any more */
};

struct server {
    struct address at;
    const struct role *role;
    void *owner;
    struct server *next;
};

extern struct weather network_weather;

struct wire *wire_make(void);
struct wire *wire_of(int fd);
/* Resets what is queued, and whoever comes. */
void listening_stop(int fd);
const struct server *network_find(const struct address *at);
uint32_t wire_events(struct descriptor *d);

/* The connection stands: bytes can flow. */
void wire_open(struct wire *w);

size_t pipe_room(const struct pipe *p);
void pipe_put(struct pipe *p, const char *bytes, size_t count);
void pipe_take(struct pipe *p, char *to, size_t count); /* to NULL: only counts */
void pipe_peek(const struct pipe *p, char *to, size_t count);
void pipe_end(struct pipe *p); /* FIN */
/* A reset on its way: some of what had not arrived is lost, the rest comes first. */
void pipe_reset(struct pipe *p);

/* The program took bytes: the peer may go on sending. */
void wire_pump(struct wire *w);
