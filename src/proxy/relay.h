/* A body on its way from one connection to the other: taken from its source, sent to its sink at
 * once, whatever protocols the two speak. Used for uploads and downloads alike.
 *
 *     relay_begin()  sends the head that stands in the sink with what has already arrived, gathered
 *     relay_finish() waits for more until the message has ended
 *
 * Errors say on which side they happened: r->failed. */
#pragma once

#include "proxy/body.h"

enum relay_side { RELAY_NONE, RELAY_FROM, RELAY_TO, RELAY_CHECK };

struct relay {
    struct body_source *from; /* NULL: relay_send() alone, of pieces that stay where they are */
    struct body_sink *to;
    int64_t idle_ms;     /* longest wait for a byte from `from` */
    int64_t stall_ms;    /* longest wait for `to` to take one */
    int64_t deadline_ms; /* of the whole */
    uint64_t stop_at;    /* bytes of the body after which it stops; 0: at its end */

    /* A moment by which the next byte must have come, besides idle_ms; NULL: none. */
    int64_t (*deadline)(const struct relay *r);
    /* Called before each send with what is taken so far; non-zero ends the relay (RELAY_CHECK). */
    int (*check)(struct relay *r);
    void *owner;

    int64_t stalled_ms; /* how long `to` let us wait, in sum */
    enum relay_side failed;
};

/* 0 · -errno of the side in r->failed · -EPROTO (RELAY_FROM) malformed or truncated */
MAY_WAIT int relay_begin(struct relay *r);
MAY_WAIT int relay_finish(struct relay *r);

/* What has been taken, at once or after a wait. 0 · -errno; one that failed keeps nothing. */
MAY_WAIT int relay_send(struct relay *r, struct pieces *p);
