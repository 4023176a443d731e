/* A stream of an HTTP/2 connection: heads that have come, and the two ends of its bodies
 * (proxy/body.h). Outlives its connection: then everything about it fails with the connection's
 * error.
 *
 * A client makes one with h2_stream_request(); a server is given one by on_request(). Its user
 * releases it when the exchange has ended; until then it counts. */
#pragma once

#include "base/chain.h"
#include "proxy/body.h"
#include "proxy/h2_head.h"
#include "proxy/h2_session.h"

/* More than one interim head rarely waits. */
#define H2_HEADS_MAX 17u

struct h2_stream {
    struct list link;
    struct h2_session *session;
    int32_t id;
    struct body_source source; /* what comes */
    struct body_sink sink;     /* what goes */
    struct event input, output;

    struct h2_head arriving, heads[H2_HEADS_MAX], trailers;
    uint32_t head_count;  /* complete ones that nobody has taken */
    bool has_final;       /* the message's own head has come: one more is its trailers */
    struct chain in, out; /* bytes of the bodies */
    uint64_t taken;       /* of `in`: given by source.take(), not released */
    uint64_t expected;    /* by content-length; UINT64_MAX: nothing is known */
    uint64_t arrived;     /* bytes of the body so far */
    int64_t progress_ms;  /* when something last went */
    bool in_ended;        /* END_STREAM has come */
    bool out_ended;       /* no more will be added to `out` */
    bool discards;        /* what comes is of no interest any more */
    bool is_held;         /* what comes is kept for a tunnel that is not open yet */
    bool keeps_open;      /* the end of what goes is not the stream's: a tunnel comes */
    bool end_sent;        /* END_STREAM has gone */
    bool is_open;         /* nghttp2 knows it */
    bool refused;         /* provably not processed: may go out again */
    int failed;           /* -ECONNRESET, -EPROTO, -ENOBUFS, ...; 0 */
    int32_t window;       /* ours, for what comes */
    uint32_t error_code;  /* of the RST_STREAM that ended it */
    struct h2_head out_trailers;

    /* Judges trailers that have come, decoded in *list; non-zero: they are malformed. NULL: they
     * are not given on. */
    int (*judge_trailers)(struct h2_stream *stream, struct fields *list);
    /* It is over by the peer's will, not ours: called once. NULL: nobody minds. */
    void (*on_gone)(struct h2_stream *stream);
    void *owner;
    bool has_user; /* somebody will release it; else the session does, when it ends */
    struct fields trailer_fields; /* what source.trailers points to */
};

/* Opens a stream with this request. ends: no body follows.
 * 0 · -EAGAIN no room (h2_session_has_room) · -ENOMEM · the connection's error */
MUST_CHECK int h2_stream_request(struct h2_session *s, const struct fields *list, bool ends,
                                 struct h2_stream **ret);

/* Server: the final head, and an interim one. 0 · -ENOMEM · -errno of the stream */
MUST_CHECK int h2_stream_respond(struct h2_stream *stream, const struct fields *list, bool ends);
MUST_CHECK int h2_stream_interim(struct h2_stream *stream, const struct fields *list);

/* Waits until a head is there. 0 · -ETIMEDOUT · -ECANCELED · -errno of the stream */
MAY_WAIT int h2_stream_wait_head(struct h2_stream *stream, int64_t deadline_ms);

/* Takes the first head; it is the caller's, to be dropped. One must be there. */
struct h2_head h2_stream_take_head(struct h2_stream *stream);

/* The body that has come is longer than `expected`, or has ended before. */
bool h2_stream_length_is_wrong(const struct h2_stream *stream);

/* Ends the stream at once in both directions; whoever waits on it wakes. */
void h2_stream_reset(struct h2_stream *stream, uint32_t error_code);

/* Server, after a response that did not wait for the whole request: RFC 9113 §8.1 lets the rest be
 * called off with NO_ERROR, but a client that sees this together with the response may throw both
 * away. So it gets a moment to see the response first.
 * May wait. */
void h2_stream_linger(struct h2_stream *stream, int64_t deadline_ms);

/* Gives it up: reset with CANCEL (server: NO_ERROR when the response has gone) unless it has ended;
 * freed. */
void h2_stream_release(struct h2_stream *stream);

/* --- For h2_session.c --------------------------------------------------------------------------
 */

struct h2_stream *h2_stream_make(struct h2_session *s, int32_t id); /* NULL: no memory */
void h2_stream_head_begins(struct h2_stream *stream);
void h2_stream_field(struct h2_stream *stream, slice name, slice value);
/* A head is complete. False: one too many waits. */
bool h2_stream_head_ends(struct h2_stream *stream, bool ends_stream);
void h2_stream_data(struct h2_stream *stream, slice bytes);
void h2_stream_input_ends(struct h2_stream *stream);
void h2_stream_fail(struct h2_stream *stream, int error);
/* Copies `count` bytes of what waits to `to`. */
void h2_stream_give(struct h2_stream *stream, char *to, size_t count);
