/* A body on its way from one connection to the other: read into the worker's scratch memory,
 * decoded, framed anew, sent at once. Used for uploads and downloads alike.
 *
 *     relay_begin()  sends the head (prefix) and what has already arrived, gathered in one call
 *     relay_finish() reads on until the message has ended
 *     relay_end()    frees what it kept, `more` with it; always, at last
 *
 * Errors say on which side they happened: r->failed. */
#pragma once

#include "base/buffer.h"
#include "net/socket.h"
#include "wire/h1.h"

enum relay_side { RELAY_NONE, RELAY_FROM, RELAY_TO, RELAY_CHECK };

struct relay {
    struct socket *from, *to;
    struct h1_body *body;    /* decoder of what comes */
    bool chunked;            /* framing of what goes */
    slice prefix;            /* a head in scratch memory that goes first; sent by relay_begin */
    struct buffer *buffered; /* what came behind the head; its start moves. May be NULL */
    slice more;              /* the same read, in scratch_body. What is left of both when the
                                message has ended stands behind it; `more` is valid until a wait */
    int64_t idle_ms;         /* longest wait for a byte from `from` */
    int64_t stall_ms;        /* longest wait for `to` to take one */
    int64_t deadline_ms;     /* of the whole */
    uint32_t read_bytes_max; /* per read */
    bool stops_at_end;       /* never read behind a known length: the next request is there */

    /* A moment by which the next byte must have come, besides idle_ms; NULL: none. */
    int64_t (*deadline)(const struct relay *r);
    /* Called before each send with what is decoded so far; non-zero ends the relay (RELAY_CHECK).
     */
    int (*check)(struct relay *r);
    void *owner;

    uint64_t bytes_read;    /* from `from`, framing included, prefix excluded */
    uint64_t bytes_written; /* to `to`, prefix included */
    int64_t stalled_ms;     /* how long `to` let us wait, in sum */
    enum relay_side failed;
    bool closed;         /* `from` has ended its side */
    struct buffer *kept; /* private */
};

/* 0 · -errno of the side in r->failed · -EPROTO (RELAY_FROM) malformed or truncated */
MAY_WAIT int relay_begin(struct relay *r);
MAY_WAIT int relay_finish(struct relay *r);
void relay_end(struct relay *r); /* for OWNS() */
