/* A connection of HTTP/2 (RFC 9113) over a socket, either end of it: frames in and out, streams,
 * flow control. nghttp2 does the frames and the compression, through its memory interface; nothing
 * waits inside it.
 *
 * Reading: the owner's fiber calls h2_session_receive() again and again. The callbacks inside only
 * enqueue: heads and bodies wait at their streams, whoever waits for them is woken.
 *
 * Writing: whoever has something to say hands it to nghttp2 and calls h2_session_wake(). One fiber,
 * the writer, runs when all others that could run have run, gathers what there is in scratch memory
 * and sends it in one call.
 *
 * Flow control: the connection's window is opened again as bytes come, a stream's as they are
 * taken, so that a stream that nobody reads holds up no other. What waits is counted under `limits
 * buffered`.
 *
 * Life: h2_session_open(); h2_session_begin() starts the writer, h2_session_end() stops it (an idle
 * connection has none); h2_session_close(), when its streams have gone. Streams: h2_stream.h. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "net/socket.h"
#include "runtime/bundle.h"
#include "wire/h2_fingerprint.h"
#include "wire/h2_guard.h"

struct h2_session;
struct h2_stream;

struct h2_settings {
    bool is_server;
    bool allows_connect;      /* server: extended CONNECT, RFC 8441 */
    uint32_t streams_max;     /* server: how many the peer may have open */
    uint32_t stream_window;   /* bytes of one body that may wait here */
    uint32_t head_bytes_max;  /* of one head: names, values and 4 bytes a field */
    uint32_t head_fields_max; /* in one head, pseudo-fields included */
    uint32_t heads_max;       /* that may wait at a stream (interim ones) */
    int64_t stall_ms;         /* the peer takes no byte for that long: the connection ends */
};

struct h2_events {
    /* Server: the head of a request is complete; the stream belongs to the owner from now on. */
    MUST_NOT_WAIT void (*on_request)(struct h2_session *s, struct h2_stream *stream);
    /* The head of every frame as it comes, for budgets; non-zero ends the connection. */
    MUST_NOT_WAIT int (*on_frame)(struct h2_session *s, const nghttp2_frame_hd *head);
    /* Bytes of a body, padding not counted. */
    MUST_NOT_WAIT void (*on_data)(struct h2_session *s, size_t bytes);
    /* Server: one more stream than streams_max was refused. */
    MUST_NOT_WAIT void (*on_refused)(struct h2_session *s);
    MUST_NOT_WAIT void (*on_ping_answered)(struct h2_session *s, const uint8_t *payload);
    /* A GOAWAY without an error goes out: what is queued now comes behind it. */
    MUST_NOT_WAIT void (*on_goodbye_sent)(struct h2_session *s);
    /* The peer has reset a stream or provoked its reset; the stream may have been forgotten. */
    MUST_NOT_WAIT void (*on_stream_reset)(struct h2_session *s, uint32_t error_code);
};

struct h2_session {
    nghttp2_session *nghttp2;
    struct socket *socket;
    struct h2_settings settings;
    const struct h2_events *events; /* members may be NULL */
    void *owner;
    struct list streams; /* all that have not been released */
    uint32_t stream_count;
    struct bundle fibers; /* the writer */
    struct event written; /* signalled when the writer has nothing left, and when it fails */
    struct event to_write;
    struct event answered; /* a PING was, or SETTINGS have come */
    uint32_t pings_open;
    int failed;      /* -errno: the connection is over; 0: it lives */
    const char *why; /* in nghttp2's words, when the peer broke the rules; NULL */
    bool is_going;   /* a GOAWAY has come or gone: no new streams */
    bool settled;    /* the peer's SETTINGS have come */
    bool has_writer;
    bool is_sending;       /* the writer has begun what it has not finished */
    int64_t head_began_ms; /* a head whose end has not come; 0: none */
    bool wants_write;
    struct h2_guard guard;
    struct h2_fingerprint fingerprint; /* of the client; complete with its first request */
    uint64_t bytes_read, bytes_written;
    uint64_t frames_seen; /* that on_frame was told of; the guard counts those passed over too */
    uint64_t data_frames_sent;
    uint64_t wasted_bytes; /* of heads: decompressed, and not kept */
};

/* Makes the session and queues our SETTINGS. 0 · -ENOMEM */
MUST_CHECK int h2_session_open(struct h2_session *s, struct socket *socket,
                               const struct h2_settings *settings, const struct h2_events *events,
                               void *owner);

/* Starts the writer. 0 · -EAGAIN · -ENOMEM as fiber_start */
MUST_CHECK int h2_session_begin(struct h2_session *s);
/* Stops the writer, at once: what it has not sent yet stays queued. */
void h2_session_end(struct h2_session *s);

/* There is something to send. */
void h2_session_wake(struct h2_session *s);

/* Bytes from the peer that have been read already. 0 · -EPROTO · -ENOMEM, and s->failed is set */
MUST_CHECK int h2_session_feed(struct h2_session *s, slice bytes);

/* One read, and what follows from it.
 * 0 go on · -ECONNRESET the connection has ended · -EPROTO the peer broke the rules (s->why), and
 * has been told · -ETIMEDOUT · -ECANCELED · -EINTR nudged (pollable_nudge) */
MAY_WAIT int h2_session_receive(struct h2_session *s, int64_t deadline_ms);

/* Waits until everything that is queued and may go has gone. 0 · -ETIMEDOUT · -ECANCELED · -errno
 */
MAY_WAIT int h2_session_flush(struct h2_session *s, int64_t deadline_ms);

/* Asks the peer whether it is there; somebody must be in h2_session_receive() meanwhile.
 * 0 it is · -ETIMEDOUT · -ECANCELED · -errno */
MAY_WAIT int h2_session_ping(struct h2_session *s, int64_t deadline_ms);

/* Says GOAWAY with this code, without waiting, as far as the kernel takes it; nothing is sent after
 * it. For a session without a writer. */
void h2_session_say_goodbye(struct h2_session *s, uint32_t error_code);

/* The connection is over: every stream hears it. The first reason stays. */
void h2_session_fail(struct h2_session *s, int error);

/* Client: whether one more stream may be opened now. */
bool h2_session_has_room(const struct h2_session *s);

/* Whether nothing more is to be sent. */
static inline bool h2_session_is_quiet(const struct h2_session *s)
{
    return !s->wants_write && !nghttp2_session_want_write(s->nghttp2);
}

/* No stream is left, and one of the two has said that none will come. */
bool h2_session_is_over(const struct h2_session *s);

/* Frees it. Its streams must have been released; the socket stays the owner's. */
void h2_session_close(struct h2_session *s);
