#include "proxy/h2_session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "proxy/h2_stream.h"
#include "proxy/scratch.h"

/* What one call sends at most: enough to fill segments, little enough that what is urgent does not
 * wait behind it. */
#define SEND_BYTES_MAX (64u << 10)
#define READ_BYTES_MAX (64u << 10)

/* Room that any piece nghttp2 gives needs: a frame of the size that every peer takes, and more. */
#define PIECE_BYTES_MAX (32u << 10)

#define FRAME_HEAD_BYTES 9u

/* Never what a stream may hold: it is opened again as bytes come. */
#define CONNECTION_WINDOW (16 << 20)

#define HEADER_TABLE_BYTES 4096u

#define ACKS_MAX 8192u /* that may wait for the peer to read them */

/* NGHTTP2_ERR_TOO_MANY_CONTINUATIONS, which older headers of the library do not have. */
#define TOO_MANY_CONTINUATIONS (-905)

/* --- What nghttp2 tells ----------------------------------------------------------------------- */

static struct h2_stream *stream_of(nghttp2_session *ng, int32_t id)
{
    return nghttp2_session_get_stream_user_data(ng, id);
}

/* The peer broke the rules: it is told, and the connection ends when that has gone. */
static int end_with(struct h2_session *s, uint32_t code, const char *why)
{
    s->why = why;
    if (nghttp2_session_terminate_session(s->nghttp2, code) != 0) {
        h2_session_fail(s, -ENOMEM);
        return s->failed;
    }
    h2_session_wake(s);
    return 0;
}

static int on_begin_frame(UNUSED nghttp2_session *ng, const nghttp2_frame_hd *head, void *context)
{
    struct h2_session *s = context;
    s->frames_seen++;
    if (head->type != NGHTTP2_CONTINUATION)
        s->head_began_ms = 0;
    bool refused = s->events->on_frame && s->events->on_frame(s, head) != 0;
    return refused ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* RFC 9113 §8.7: REFUSED_STREAM says that nothing was processed; it may be tried again. */
static int refuse_stream(struct h2_session *s, int32_t id)
{
    if (s->events->on_refused)
        s->events->on_refused(s);
    return nghttp2_submit_rst_stream(s->nghttp2, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM) == 0
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *context)
{
    struct h2_session *s = context;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    struct h2_stream *stream = stream_of(ng, frame->hd.stream_id);
    s->head_began_ms = loop_now_ms();
    if (!stream && s->settings.is_server && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        /* A stream counts until its user has released it, whoever reset it before. */
        if (s->stream_count >= s->settings.streams_max)
            return refuse_stream(s, frame->hd.stream_id);
        stream = h2_stream_make(s, frame->hd.stream_id);
        if (!stream || nghttp2_session_set_stream_user_data(ng, frame->hd.stream_id, stream) != 0) {
            if (stream)
                h2_stream_release(stream);
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        stream->is_open = true;
    }
    if (stream)
        h2_stream_head_begins(stream);
    return 0;
}

/* Also for fields that nghttp2 would drop silently: our own rules say what is wrong with them. */
static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length,
                     UNUSED uint8_t flags, void *context)
{
    struct h2_session *s = context;
    struct h2_stream *stream = stream_of(ng, frame->hd.stream_id);
    if (!stream || stream->arriving.too_large)
        s->wasted_bytes += name_length + value_length + FIELD_OVERHEAD;
    if (!s->fingerprint.is_complete)
        h2_fingerprint_field(&s->fingerprint, slice_of((const char *)name, name_length));
    if (frame->hd.type == NGHTTP2_HEADERS && stream)
        h2_stream_field(stream, slice_of((const char *)name, name_length),
                        slice_of((const char *)value, value_length));
    return 0;
}

static int take_head(struct h2_session *s, const nghttp2_frame *frame, struct h2_stream *stream)
{
    bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    bool begins = s->settings.is_server && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (stream->has_final && !ends) { /* RFC 9113 §8.1: trailers end the stream */
        h2_stream_fail(stream, -EPROTO);
        h2_stream_reset(stream, NGHTTP2_PROTOCOL_ERROR);
        return 0;
    }
    if (!h2_stream_head_ends(stream, ends)) {
        h2_stream_fail(stream, -EOVERFLOW);
        h2_stream_reset(stream, NGHTTP2_ENHANCE_YOUR_CALM);
    } else if (begins && s->events->on_request) {
        stream->has_user = true;
        s->events->on_request(s, stream);
    }
    return 0;
}

/* What a client does until its first request is there. */
static void note_fingerprint(struct h2_session *s, const nghttp2_frame *frame)
{
    struct h2_fingerprint *f = &s->fingerprint;
    switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
        for (size_t i = 0; i < frame->settings.niv; i++)
            h2_fingerprint_setting(f, (uint16_t)frame->settings.iv[i].settings_id,
                                   frame->settings.iv[i].value);
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
            h2_fingerprint_settings_end(f);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (frame->hd.stream_id == 0)
            h2_fingerprint_window_update(f, (uint32_t)frame->window_update.window_size_increment);
        break;
    case NGHTTP2_HEADERS:
        h2_fingerprint_end(f);
        break;
    default:
        break;
    }
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *context)
{
    struct h2_session *s = context;
    if (!s->fingerprint.is_complete)
        note_fingerprint(s, frame);
    struct h2_stream *stream = frame->hd.stream_id ? stream_of(ng, frame->hd.stream_id) : NULL;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        s->head_began_ms = 0;
        return stream ? take_head(s, frame, stream) : 0;
    case NGHTTP2_DATA:
        if (stream && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
            h2_stream_input_ends(stream);
        return 0;
    case NGHTTP2_GOAWAY:
        s->is_going = true;
        return 0;
    case NGHTTP2_SETTINGS:
        s->settled = s->settled || !(frame->hd.flags & NGHTTP2_FLAG_ACK);
        event_signal_all(&s->answered);
        return 0;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) && s->events->on_ping_answered)
            s->events->on_ping_answered(s, frame->ping.opaque_data);
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) && s->pings_open) {
            s->pings_open--;
            event_signal_all(&s->answered);
        }
        return 0;
    case NGHTTP2_PRIORITY_UPDATE: { /* RFC 9218 §7.1: of stream 0, PROTOCOL_ERROR */
        const nghttp2_ext_priority_update *update = frame->ext.payload;
        return update->stream_id ? 0 : end_with(s, NGHTTP2_PROTOCOL_ERROR, "a priority of nothing");
    }
    default:
        return 0;
    }
}

static int on_data_chunk_recv(nghttp2_session *ng, UNUSED uint8_t flags, int32_t id,
                              const uint8_t *data, size_t length, void *context)
{
    struct h2_session *s = context;
    if (s->events->on_data)
        s->events->on_data(s, length);
    struct h2_stream *stream = stream_of(ng, id);
    if (nghttp2_session_consume_connection(ng, length) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (stream)
        h2_stream_data(stream, slice_of((const char *)data, length));
    return 0;
}

static int on_invalid_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, int error,
                                 void *context)
{
    struct h2_session *s = context;
    struct h2_stream *stream = frame->hd.stream_id ? stream_of(ng, frame->hd.stream_id) : NULL;
    s->why = nghttp2_strerror(error);
    s->head_began_ms = 0;
    if (stream)
        h2_stream_fail(stream, -EPROTO);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error_code, void *context)
{
    struct h2_session *s = context;
    struct h2_stream *stream = stream_of(ng, id);
    if (error_code != NGHTTP2_NO_ERROR && s->events->on_stream_reset)
        s->events->on_stream_reset(s, error_code);
    if (!stream)
        return 0;
    stream->is_open = false;
    stream->error_code = error_code;
    stream->refused = stream->refused || error_code == NGHTTP2_REFUSED_STREAM;
    if (error_code != NGHTTP2_NO_ERROR || !stream->in_ended || !stream->end_sent)
        h2_stream_fail(stream, -ECONNRESET);
    event_signal_all(&stream->output);
    if (!stream->has_user) /* its head has not come to its end */
        h2_stream_release(stream);
    return 0;
}

/* A request that could not go out was not processed. */
static int on_frame_not_send(nghttp2_session *ng, const nghttp2_frame *frame, UNUSED int error,
                             UNUSED void *context)
{
    struct h2_stream *stream = stream_of(ng, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS && stream && !stream->sink.written)
        stream->refused = true;
    return 0;
}

/* RFC 9113 §6.9.2: a setting that overflows the window of a stream is an error of the connection,
 * which the library makes one of the stream. (Of an increment, §6.9.1 leaves the choice.) */
static void note_reset(struct h2_session *s, const nghttp2_frame *frame)
{
    h2_guard_reset(&s->guard, (uint32_t)frame->hd.stream_id);
    if (frame->rst_stream.error_code == NGHTTP2_FLOW_CONTROL_ERROR)
        (void)end_with(s, NGHTTP2_FLOW_CONTROL_ERROR, "a window is overflowed");
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *context)
{
    struct h2_session *s = context;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        s->is_going = true;
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !s->why)
            s->why = nghttp2_http2_strerror(frame->goaway.error_code);
        if (frame->goaway.error_code == NGHTTP2_NO_ERROR && s->events->on_goodbye_sent)
            s->events->on_goodbye_sent(s);
    }
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        note_reset(s, frame);
    struct h2_stream *stream = frame->hd.stream_id ? stream_of(ng, frame->hd.stream_id) : NULL;
    if (!stream)
        return 0;
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        stream->end_sent = true;
        event_signal_all(&stream->output);
    }
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    stream->sink.written += frame->hd.length + FRAME_HEAD_BYTES;
    stream->sink.head_written += frame->hd.length + FRAME_HEAD_BYTES;
    return 0;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* Where the writer gathers; set while it does. */
static struct writer *gathering;

/* A DATA frame: its head and `length` bytes of what waits at the stream. nghttp2 would go on with
 * the next one at once: what does not fit comes with the next send. */
static int send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t length,
                     UNUSED nghttp2_data_source *source, UNUSED void *context)
{
    struct h2_stream *stream = stream_of(ng, frame->hd.stream_id);
    ASSERT(frame->data.padlen == 0);
    if (!stream || stream->failed || stream->out.length < length)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it was given up meanwhile */
    if (gathering->len >= SEND_BYTES_MAX)
        return NGHTTP2_ERR_WOULDBLOCK;
    writer_bytes(gathering, head, FRAME_HEAD_BYTES);
    char *to = writer_room(gathering, length);
    ASSERT(to); /* PIECE_BYTES_MAX are left */
    h2_stream_give(stream, to, length);
    writer_advance(gathering, length);
    stream->sink.written += FRAME_HEAD_BYTES + length;
    stream->session->data_frames_sent++;
    return 0;
}

/* What there is to send and may go, up to a bound. 0 · -EPROTO · -ENOMEM */
static int gather(struct h2_session *s, struct writer *w)
{
    gathering = w;
    while (w->len < SEND_BYTES_MAX) {
        const uint8_t *bytes;
        ssize_t length = nghttp2_session_mem_send(s->nghttp2, &bytes);
        if (length < 0)
            return length == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
        if (length == 0)
            break;
        writer_bytes(w, bytes, (size_t)length);
        ASSERT(!w->overflowed); /* PIECE_BYTES_MAX are left */
    }
    return 0;
}

/* Everything that is queued goes. 0 · -errno */
static int write_all(struct h2_session *s)
{
    struct send_options options = { .stall_ms = s->settings.stall_ms, .deadline_ms = NEVER };
    for (;;) {
        struct writer w = writer_over(scratch_body, SEND_BYTES_MAX + PIECE_BYTES_MAX);
        TRY(gather(s, &w));
        if (w.len == 0)
            return 0;
        struct iovec part = { w.ptr, w.len };
        s->is_sending = true;
        TRY(scratch_send(s->socket, &part, 1, &options, &s->bytes_written));
        s->is_sending = false;
    }
}

bool h2_session_is_over(const struct h2_session *s)
{
    return !nghttp2_session_want_read(s->nghttp2) && !nghttp2_session_want_write(s->nghttp2);
}

static void run_writer(void *argument)
{
    struct h2_session *s = argument;
    while (s->failed == 0) {
        while (!s->wants_write && s->failed == 0)
            if (event_wait(&s->to_write, NEVER) != 0)
                return;
        s->wants_write = false;
        int result = s->failed ? s->failed : write_all(s);
        if (result == -ECANCELED)
            return;
        if (result != 0)
            h2_session_fail(s, result);
        else if (h2_session_is_over(s)) /* our GOAWAY for a peer that breaks the rules has gone */
            h2_session_fail(s, s->why ? -EPROTO : -ECONNRESET);
        event_signal_all(&s->written);
    }
}

void h2_session_wake(struct h2_session *s)
{
    s->wants_write = true;
    event_signal_all(&s->to_write);
}

int h2_session_flush(struct h2_session *s, int64_t deadline_ms)
{
    while (s->failed == 0 && !h2_session_is_quiet(s))
        TRY(event_wait(&s->written, deadline_ms));
    return s->failed;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* The library is in no state to say it any more (RFC 9113 §6.8). */
static void say_last_word(struct h2_session *s, uint32_t error_code)
{
    enum { PAYLOAD_BYTES = 8 };
    static const char settings[FRAME_HEAD_BYTES] = { [3] = NGHTTP2_SETTINGS }; /* they come first */
    uint32_t last = htonl((uint32_t)nghttp2_session_get_last_proc_stream_id(s->nghttp2));
    uint32_t code = htonl(error_code);
    char frame[FRAME_HEAD_BYTES + PAYLOAD_BYTES] = { [2] = PAYLOAD_BYTES, [3] = NGHTTP2_GOAWAY };
    memcpy(frame + FRAME_HEAD_BYTES, &last, sizeof last);
    memcpy(frame + FRAME_HEAD_BYTES + sizeof last, &code, sizeof code);
    struct iovec parts[2] = { { (char *)(uintptr_t)settings, sizeof settings },
                              { frame, sizeof frame } };
    int first = s->bytes_written ? 1 : 0;
    if (s->is_sending)
        return;
    ssize_t sent = socket_write_now(s->socket, &parts[first], 2 - first);
    s->bytes_written += sent > 0 ? (uint64_t)sent : 0;
}

static int feed_library(struct h2_session *s, slice bytes)
{
    ssize_t used = nghttp2_session_mem_recv(s->nghttp2, (const uint8_t *)bytes.ptr, bytes.len);
    if (nghttp2_session_want_write(s->nghttp2))
        h2_session_wake(s);
    if (used >= 0)
        return s->failed;
    if (!s->why)
        s->why = nghttp2_strerror((int)used);
    say_last_word(s, used == NGHTTP2_ERR_FLOODED || used == TOO_MANY_CONTINUATIONS ||
                             used == NGHTTP2_ERR_CALLBACK_FAILURE
                         ? NGHTTP2_ENHANCE_YOUR_CALM
                         : NGHTTP2_PROTOCOL_ERROR);
    h2_session_fail(s, used == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO);
    return s->failed;
}

static bool stream_is_open(const struct h2_session *s, uint32_t id)
{
    nghttp2_stream *stream = nghttp2_session_find_stream(s->nghttp2, (int32_t)id);
    nghttp2_stream_proto_state state =
        stream ? nghttp2_stream_get_state(stream) : NGHTTP2_STREAM_STATE_CLOSED;
    return state == NGHTTP2_STREAM_STATE_OPEN || state == NGHTTP2_STREAM_STATE_HALF_CLOSED_LOCAL ||
           state == NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE;
}

int h2_session_feed(struct h2_session *s, slice bytes)
{
    size_t at = 0, fed = 0, before;
    struct h2_frame_head head;
    while (h2_guard_walk(&s->guard, bytes, &at, &before, &head)) {
        TRY(feed_library(s, slice_of(bytes.ptr + fed, before - fed)));
        fed = before;
        uint32_t code = h2_guard_judge(&s->guard, &head, stream_is_open(s, head.stream));
        if (code != 0) /* from now on the library passes over everything */
            return end_with(s, code, "a frame of a wrong size, or on a stream that is over");
        if (head.type == NGHTTP2_PRIORITY) /* which the library passes over */
            h2_fingerprint_priority(&s->fingerprint, head.stream, head.dependency, head.weight,
                                    head.is_exclusive);
    }
    return feed_library(s, slice_after(bytes, fed));
}

int h2_session_receive(struct h2_session *s, int64_t deadline_ms)
{
    if (s->failed)
        return s->failed;
    ssize_t got = socket_read(s->socket, scratch_body, READ_BYTES_MAX, deadline_ms);
    if (got == -ETIMEDOUT || got == -ECANCELED || got == -EINTR)
        return (int)got;
    if (got <= 0) {
        h2_session_fail(s, -ECONNRESET);
        return s->failed;
    }
    s->bytes_read += (uint64_t)got;
    return h2_session_feed(s, slice_of(scratch_body, (size_t)got));
}

int h2_session_ping(struct h2_session *s, int64_t deadline_ms)
{
    uint32_t before = s->pings_open;
    if (s->failed || nghttp2_submit_ping(s->nghttp2, NGHTTP2_FLAG_NONE, NULL) != 0)
        return s->failed ? s->failed : -ENOMEM;
    s->pings_open++;
    h2_session_wake(s);
    while (s->failed == 0 && s->pings_open > before)
        TRY(event_wait(&s->answered, deadline_ms));
    return s->failed;
}

void h2_session_fail(struct h2_session *s, int error)
{
    if (s->failed)
        return;
    s->failed = error;
    s->is_going = true;
    LIST_EACH(node, &s->streams)
    {
        struct h2_stream *stream = LIST_ENTRY(node, struct h2_stream, link);
        stream->is_open = false;
        h2_stream_fail(stream, error == -EPROTO ? -EPROTO : -ECONNRESET);
    }
    event_signal_all(&s->to_write);
    event_signal_all(&s->written);
    event_signal_all(&s->answered);
    /* Wakes the reader; what was written goes out first. A server lets the client read it. */
    if (s->settings.is_server)
        pollable_nudge(&s->socket->poll);
    else
        socket_abort(s->socket);
}

bool h2_session_has_room(const struct h2_session *s)
{
    uint32_t most =
        nghttp2_session_get_remote_settings(s->nghttp2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    if (!s->settled && most > NGHTTP2_INITIAL_MAX_CONCURRENT_STREAMS)
        most = NGHTTP2_INITIAL_MAX_CONCURRENT_STREAMS;
    return s->failed == 0 && !s->is_going && s->stream_count < most &&
           nghttp2_session_check_request_allowed(s->nghttp2);
}

/* --- Life ------------------------------------------------------------------------------------- */

static int make_callbacks(nghttp2_session_callbacks **ret)
{
    nghttp2_session_callbacks *c;
    if (nghttp2_session_callbacks_new(&c) != 0)
        return -ENOMEM;
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_frame_not_send);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(c, send_data);
    *ret = c;
    return 0;
}

static int make_session(struct h2_session *s)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    TRY(make_callbacks(&callbacks));
    int result = nghttp2_option_new(&option);
    if (result == 0) {
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_no_closed_streams(option, 1);
        if (s->settings.is_server) { /* messages are judged in wire/h2_request.c, and logged */
            nghttp2_option_set_no_http_messaging(option, 1);
            nghttp2_option_set_max_outbound_ack(option, ACKS_MAX); /* the owner counts frames */
            nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
        }
        result = s->settings.is_server
                     ? nghttp2_session_server_new2(&s->nghttp2, callbacks, s, option)
                     : nghttp2_session_client_new2(&s->nghttp2, callbacks, s, option);
        nghttp2_option_del(option);
    }
    nghttp2_session_callbacks_del(callbacks);
    return result == 0 ? 0 : -ENOMEM;
}

static int submit_settings(struct h2_session *s)
{
    const struct h2_settings *ours = &s->settings;
    nghttp2_settings_entry entries[7] = {
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, ours->stream_window },
        { NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, HEADER_TABLE_BYTES },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, ours->head_bytes_max },
    };
    size_t count = 3;
    if (!ours->is_server)
        entries[count++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 };
    else
        entries[count++] =
            (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, ours->streams_max };
    if (ours->is_server) /* RFC 9218 §2.1: the tree of priorities of RFC 7540 is not kept */
        entries[count++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 };
    if (ours->is_server && ours->allows_connect)
        entries[count++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 };
    int result = nghttp2_submit_settings(s->nghttp2, NGHTTP2_FLAG_NONE, entries, count);
    if (result == 0)
        result = nghttp2_session_set_local_window_size(s->nghttp2, NGHTTP2_FLAG_NONE, 0,
                                                       CONNECTION_WINDOW);
    return result == 0 ? 0 : -ENOMEM;
}

int h2_session_open(struct h2_session *s, struct socket *socket, const struct h2_settings *settings,
                    const struct h2_events *events, void *owner)
{
    ASSERT(settings->heads_max < H2_HEADS_MAX);
    *s = (struct h2_session){
        .socket = socket, .settings = *settings, .events = events, .owner = owner
    };
    list_open(&s->streams);
    bundle_open(&s->fibers);
    event_init(&s->written);
    event_init(&s->to_write);
    event_init(&s->answered);
    h2_guard_open(&s->guard, settings->is_server);
    s->fingerprint.is_complete = !settings->is_server; /* of an origin there is none */
    TRY(make_session(s));
    int result = submit_settings(s);
    if (result != 0)
        h2_session_close(s);
    else
        s->wants_write = true;
    return result;
}

int h2_session_begin(struct h2_session *s)
{
    if (s->has_writer)
        return 0;
    TRY(bundle_start(&s->fibers, "h2-writer", run_writer, s));
    s->has_writer = true;
    return 0;
}

void h2_session_end(struct h2_session *s)
{
    bundle_end(&s->fibers);
    s->has_writer = false;
}

void h2_session_say_goodbye(struct h2_session *s, uint32_t error_code)
{
    struct writer w = writer_over(scratch_body, SEND_BYTES_MAX + PIECE_BYTES_MAX);
    ASSERT(!s->has_writer);
    if (s->failed || nghttp2_session_terminate_session(s->nghttp2, error_code) != 0 ||
        gather(s, &w) != 0)
        return;
    struct iovec part = { w.ptr, w.len };
    ssize_t ignored = socket_write_now(s->socket, &part, 1);
    (void)ignored; /* a peer that takes no more is closed without a word */
}

void h2_session_close(struct h2_session *s)
{
    LIST_EACH(node, &s->streams) /* those whose head has not come to its end */
    {
        struct h2_stream *stream = LIST_ENTRY(node, struct h2_stream, link);
        if (!stream->has_user)
            h2_stream_release(stream);
    }
    ASSERT(list_is_empty(&s->streams) && !s->has_writer);
    nghttp2_session_del(s->nghttp2);
    s->nghttp2 = NULL;
}
