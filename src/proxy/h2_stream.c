#include "proxy/h2_stream.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "runtime/loop.h"

/* Above this much that has not gone yet a sender waits. */
#define OUT_BYTES_MAX (64u << 10)

/* How much of one body may wait here at most, while it is taken quickly. */
#define WINDOW_MAX (1 << 20)

/* --- Heads ------------------------------------------------------------------------------------ */

void h2_stream_head_begins(struct h2_stream *stream)
{
    h2_head_drop(&stream->arriving);
    stream->arriving = (struct h2_head){ 0 };
}

void h2_stream_field(struct h2_stream *stream, slice name, slice value)
{
    struct h2_head *head = &stream->arriving;
    const struct h2_settings *limits = &stream->session->settings;
    uint64_t bytes = h2_head_bytes(head) + name.len + value.len + FIELD_OVERHEAD;
    if (head->too_large || stream->failed)
        return;
    if (bytes > limits->head_bytes_max || head->count >= limits->head_fields_max)
        head->too_large = true;
    else if (h2_head_add(head, name, value) != 0)
        h2_stream_fail(stream, -ENOBUFS);
}

/* Of a response: its first field says so. */
static bool is_interim(const struct h2_stream *stream, const struct h2_head *head)
{
    struct field first;
    struct fields list = { .items = &first, .capacity = 1 };
    if (stream->session->settings.is_server || head->count == 0)
        return false;
    struct h2_head one = *head;
    one.count = 1;
    return h2_head_fields(&one, &list) == 0 && slice_equal(first.name, SLICE(":status")) &&
           first.value.len == 3 && first.value.ptr[0] == '1';
}

bool h2_stream_head_ends(struct h2_stream *stream, bool ends_stream)
{
    struct h2_head head = stream->arriving;
    stream->arriving = (struct h2_head){ 0 };
    head.ends_stream = ends_stream;
    bool fits = true;
    if (stream->has_final) {
        h2_head_drop(&stream->trailers);
        stream->trailers = head;
    } else if (is_interim(stream, &head) &&
               stream->head_count >= stream->session->settings.heads_max) {
        h2_head_drop(&head);
        fits = false;
    } else {
        stream->has_final = !is_interim(stream, &head);
        stream->heads[stream->head_count++] = head;
    }
    if (ends_stream)
        h2_stream_input_ends(stream);
    event_signal_all(&stream->input);
    return fits;
}

int h2_stream_wait_head(struct h2_stream *stream, int64_t deadline_ms)
{
    while (stream->head_count == 0) {
        if (stream->failed)
            return stream->failed;
        TRY(event_wait(&stream->input, deadline_ms));
    }
    return 0;
}

struct h2_head h2_stream_take_head(struct h2_stream *stream)
{
    ASSERT(stream->head_count);
    struct h2_head head = stream->heads[0];
    stream->head_count--;
    memmove(stream->heads, stream->heads + 1, stream->head_count * sizeof head);
    return head;
}

/* --- What comes ------------------------------------------------------------------------------- */

static struct h2_stream *of_source(struct body_source *s)
{
    return CONTAINER_OF(s, struct h2_stream, source);
}

void h2_stream_data(struct h2_stream *stream, slice bytes)
{
    stream->arrived += bytes.len;
    stream->source.bytes_read += bytes.len;
    if (stream->failed || stream->discards)
        return;
    if (chain_append(&stream->in, bytes) != 0) {
        stream->failed = -ENOBUFS;
        h2_stream_reset(stream, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    event_signal_all(&stream->input);
}

void h2_stream_input_ends(struct h2_stream *stream)
{
    stream->in_ended = true;
    event_signal_all(&stream->input);
}

/* RFC 9113 §8.1.1: "the sum of the DATA frame payload lengths ... MUST equal" content-length. */
bool h2_stream_length_is_wrong(const struct h2_stream *stream)
{
    if (stream->expected == UINT64_MAX)
        return false;
    return stream->arrived > stream->expected ||
           (stream->in_ended && stream->arrived != stream->expected);
}

static int take_trailers(struct h2_stream *stream)
{
    struct h2_head *head = &stream->trailers;
    if (head->count == 0 || !stream->judge_trailers || stream->trailer_fields.items)
        return 0;
    if (head->too_large)
        return -EPROTO;
    stream->trailer_fields.items = calloc(head->count, sizeof(struct field));
    stream->trailer_fields.capacity = head->count;
    if (!stream->trailer_fields.items)
        return -ENOMEM;
    TRY(h2_head_fields(head, &stream->trailer_fields));
    TRY(stream->judge_trailers(stream, &stream->trailer_fields));
    stream->source.trailers = &stream->trailer_fields;
    return 0;
}

static int take(struct body_source *base, struct pieces *to)
{
    struct h2_stream *stream = of_source(base);
    if (base->ended || stream->is_held)
        return 0;
    if (h2_stream_length_is_wrong(stream))
        return -EPROTO;
    while (to->count < PIECES_MAX && stream->taken < stream->in.length) {
        slice piece = chain_piece(&stream->in, stream->taken);
        pieces_add(to, piece);
        stream->taken += piece.len;
        base->decoded += piece.len;
    }
    if (stream->in_ended && stream->taken == stream->in.length) {
        TRY(take_trailers(stream));
        base->ended = true;
    }
    return 0;
}

static int wait_for_more(struct body_source *base, int64_t deadline_ms)
{
    struct h2_stream *stream = of_source(base);
    while (stream->taken == stream->in.length && !stream->in_ended) {
        if (stream->failed) {
            base->closed = true;
            return stream->failed;
        }
        TRY(event_wait(&stream->input, deadline_ms));
    }
    return 0;
}

/* A window that is used up faster than it is opened is too small for the way between the two: as
 * long as the bytes are taken and memory is there, it grows. */
static void grow_window(struct h2_stream *stream)
{
    struct h2_session *s = stream->session;
    if (stream->window == 0)
        stream->window = (int32_t)s->settings.stream_window;
    if (stream->window >= WINDOW_MAX || buffers_are_scarce() ||
        stream->source.decoded < 2 * (uint64_t)stream->window)
        return;
    stream->window *= 2;
    (void)nghttp2_session_set_local_window_size(s->nghttp2, NGHTTP2_FLAG_NONE, stream->id,
                                                stream->window); /* else it stays as it is */
}

/* The peer may send as much again. */
static void release(struct body_source *base)
{
    struct h2_stream *stream = of_source(base);
    if (stream->taken == 0)
        return;
    chain_skip(&stream->in, stream->taken);
    if (stream->is_open && !stream->in_ended && stream->session->failed == 0 &&
        nghttp2_session_consume_stream(stream->session->nghttp2, stream->id,
                                       (size_t)stream->taken) == 0) {
        grow_window(stream);
        h2_session_wake(stream->session);
    }
    stream->taken = 0;
}

static void rewind_source(struct body_source *base)
{
    struct h2_stream *stream = of_source(base);
    base->decoded -= stream->taken;
    base->ended = stream->in_ended && stream->in.length == 0;
    stream->taken = 0;
}

static void close_source(struct body_source *base)
{
    struct h2_stream *stream = of_source(base);
    stream->taken = 0;
    chain_close(&stream->in);
}

static const struct body_source_operations source_operations = { .take = take,
                                                                 .wait = wait_for_more,
                                                                 .release = release,
                                                                 .rewind = rewind_source,
                                                                 .close = close_source };

/* --- What goes -------------------------------------------------------------------------------- */

static struct h2_stream *of_sink(struct body_sink *s)
{
    return CONTAINER_OF(s, struct h2_stream, sink);
}

void h2_stream_give(struct h2_stream *stream, char *to, size_t count)
{
    size_t taken = chain_take(&stream->out, to, count);
    ASSERT(taken == count);
    stream->progress_ms = loop_now_ms();
    event_signal_all(&stream->output);
}

static int send_failure(const struct h2_stream *stream)
{
    if (stream->failed)
        return stream->failed == -EPROTO ? -ECONNRESET : stream->failed;
    return stream->is_open ? 0 : -EPIPE;
}

/* nghttp2 asks again for what it was told to wait for. */
static void resume(struct h2_stream *stream)
{
    /* fails when it was not waiting, which is as well */
    (void)nghttp2_session_resume_data(stream->session->nghttp2, stream->id);
    h2_session_wake(stream->session);
}

static int keep_trailers(struct h2_stream *stream, const struct fields *trailers)
{
    for (uint32_t i = 0; trailers && i < trailers->count; i++)
        if (!trailers->items[i].dropped)
            TRY(h2_head_add(&stream->out_trailers, trailers->items[i].name,
                            trailers->items[i].value));
    return 0;
}

/* Enough has gone to add more. A response that is complete has gone when its end has; a request's
 * may be answered before. */
static bool has_gone(const struct h2_stream *stream)
{
    if (stream->out_ended && stream->session->settings.is_server)
        return stream->end_sent;
    return stream->out.length <= OUT_BYTES_MAX;
}

static int send_now(struct body_sink *base, struct pieces *p)
{
    struct h2_stream *stream = of_sink(base);
    bool ends = p->last && !stream->keeps_open && !stream->out_ended;
    if (p->count == 0 && !ends)
        return has_gone(stream) ? 0 : 1;
    TRY(send_failure(stream));
    for (int i = 0; i < p->count; i++) {
        const struct iovec *part = &p->parts[PIECES_FIRST + i];
        if (chain_append(&stream->out, slice_of(part->iov_base, part->iov_len)) != 0) {
            h2_stream_fail(stream, -ENOBUFS);
            h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
            return -ENOBUFS;
        }
    }
    if (ends && stream->session->settings.is_server) /* requests go without */
        TRY(keep_trailers(stream, p->trailers));
    stream->out_ended = stream->out_ended || ends;
    stream->progress_ms = loop_now_ms();
    resume(stream);
    return has_gone(stream) ? 0 : 1;
}

static int64_t flush_deadline(const struct h2_stream *stream, const struct send_options *options)
{
    int64_t stalled_ms = options->stall_ms ? stream->progress_ms + options->stall_ms : NEVER;
    return stalled_ms < options->deadline_ms ? stalled_ms : options->deadline_ms;
}

static int flush(struct body_sink *base, const struct send_options *options)
{
    struct h2_stream *stream = of_sink(base);
    while (!has_gone(stream)) {
        TRY(send_failure(stream));
        int64_t deadline_ms = flush_deadline(stream, options);
        if (loop_now_ms() >= deadline_ms)
            return -ETIMEDOUT;
        int result = event_wait(&stream->output, deadline_ms);
        if (result != 0 && result != -ETIMEDOUT)
            return result;
    }
    return 0;
}

static void drop(struct body_sink *base)
{
    h2_stream_reset(of_sink(base), NGHTTP2_INTERNAL_ERROR);
}

static void finish(struct body_sink *base)
{
    struct h2_stream *stream = of_sink(base);
    if (stream->out_ended || !stream->is_open)
        return;
    stream->out_ended = true;
    resume(stream);
}

static void abort_sink(struct body_sink *base)
{
    h2_stream_reset(of_sink(base), NGHTTP2_CANCEL);
}

static const struct body_sink_operations sink_operations = {
    .send_now = send_now, .flush = flush, .drop = drop, .finish = finish, .abort = abort_sink
};

/* --- Lists for nghttp2 ------------------------------------------------------------------------ */

/* RFC 7541 §7.1.3: what is worth guessing is not compressed against what others sent. */
static uint8_t flags_of(const struct field *f)
{
    bool secret = f->id == FIELD_AUTHORIZATION || f->id == FIELD_COOKIE ||
                  f->id == FIELD_SET_COOKIE || f->id == FIELD_PROXY_AUTHORIZATION;
    return secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
}

/* The caller frees it. */
static nghttp2_nv *list_for_nghttp2(const struct fields *list, size_t *ret_count)
{
    nghttp2_nv *all = calloc(list->count ? list->count : 1, sizeof *all);
    size_t count = 0;
    for (uint32_t i = 0; all && i < list->count; i++) {
        const struct field *f = &list->items[i];
        if (f->dropped)
            continue;
        all[count++] = (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)f->name.ptr,
                                     .value = (uint8_t *)(uintptr_t)f->value.ptr,
                                     .namelen = f->name.len,
                                     .valuelen = f->value.len,
                                     .flags = flags_of(f) };
    }
    *ret_count = count;
    return all;
}

static int submit_trailers(struct h2_stream *stream)
{
    struct fields list = { 0 };
    size_t count;
    list.items = calloc(stream->out_trailers.count, sizeof *list.items);
    list.capacity = stream->out_trailers.count;
    if (!list.items)
        return -ENOMEM;
    int result = h2_head_fields(&stream->out_trailers, &list);
    nghttp2_nv *all = result == 0 ? list_for_nghttp2(&list, &count) : NULL;
    if (all)
        result = nghttp2_submit_trailer(stream->session->nghttp2, stream->id, all, count);
    bool failed = !all || result != 0;
    free(all);
    free(list.items);
    return failed ? -ENOMEM : 0;
}

/* How much of the body may go now; nghttp2 never asks for more than the windows let through. */
static ssize_t read_body(nghttp2_session *ng, int32_t id, UNUSED uint8_t *to, size_t length,
                         uint32_t *flags, UNUSED nghttp2_data_source *source, UNUSED void *context)
{
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(ng, id);
    if (!stream || stream->failed)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (stream->out.length == 0 && !stream->out_ended)
        return NGHTTP2_ERR_DEFERRED;
    if (length > stream->out.length)
        length = (size_t)stream->out.length;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (!stream->out_ended || length < stream->out.length)
        return (ssize_t)length;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->out_trailers.count) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (submit_trailers(stream) != 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return (ssize_t)length;
}

static nghttp2_data_provider body_provider(void)
{
    return (nghttp2_data_provider){ .read_callback = read_body };
}

/* --- Life ------------------------------------------------------------------------------------- */

struct h2_stream *h2_stream_make(struct h2_session *s, int32_t id)
{
    struct h2_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->session = s;
    stream->id = id;
    stream->expected = UINT64_MAX;
    stream->source.operations = &source_operations;
    stream->sink.operations = &sink_operations;
    event_init(&stream->input);
    event_init(&stream->output);
    list_push_back(&s->streams, &stream->link);
    s->stream_count++;
    return stream;
}

int h2_stream_request(struct h2_session *s, const struct fields *list, bool ends,
                      struct h2_stream **ret)
{
    if (!h2_session_has_room(s))
        return s->failed ? s->failed : -EAGAIN;
    struct h2_stream *stream = h2_stream_make(s, 0);
    size_t count;
    nghttp2_nv *all = stream ? list_for_nghttp2(list, &count) : NULL;
    nghttp2_data_provider body = body_provider();
    if (all)
        stream->id =
            nghttp2_submit_request(s->nghttp2, NULL, all, count, ends ? NULL : &body, stream);
    free(all);
    if (!all || stream->id < 0) {
        if (stream)
            h2_stream_release(stream);
        return -ENOMEM;
    }
    stream->is_open = stream->sink.begun = stream->has_user = true;
    stream->out_ended = stream->end_sent = ends;
    h2_session_wake(s);
    *ret = stream;
    return 0;
}

int h2_stream_respond(struct h2_stream *stream, const struct fields *list, bool ends)
{
    size_t count;
    TRY(send_failure(stream));
    nghttp2_nv *all = list_for_nghttp2(list, &count);
    nghttp2_data_provider body = body_provider();
    int result = all ? nghttp2_submit_response(stream->session->nghttp2, stream->id, all, count,
                                               ends ? NULL : &body)
                     : -1;
    free(all);
    if (result != 0)
        return -ENOMEM;
    stream->sink.begun = true;
    stream->progress_ms = loop_now_ms();
    stream->out_ended = stream->out_ended || ends;
    h2_session_wake(stream->session);
    return 0;
}

int h2_stream_interim(struct h2_stream *stream, const struct fields *list)
{
    size_t count;
    TRY(send_failure(stream));
    nghttp2_nv *all = list_for_nghttp2(list, &count);
    int result = all ? nghttp2_submit_headers(stream->session->nghttp2, NGHTTP2_FLAG_NONE,
                                              stream->id, NULL, all, count, NULL)
                     : -1;
    free(all);
    if (result != 0)
        return -ENOMEM;
    h2_session_wake(stream->session);
    return 0;
}

static void wake(struct h2_stream *stream)
{
    event_signal_all(&stream->input);
    event_signal_all(&stream->output);
}

void h2_stream_fail(struct h2_stream *stream, int error)
{
    bool is_new = !stream->failed;
    if (is_new)
        stream->failed = error;
    wake(stream);
    if (is_new && stream->on_gone)
        stream->on_gone(stream);
}

void h2_stream_reset(struct h2_stream *stream, uint32_t error_code)
{
    struct h2_session *s = stream->session;
    if (stream->is_open && s->failed == 0) {
        /* out of memory: the session is in no state to go on */
        if (nghttp2_submit_rst_stream(s->nghttp2, NGHTTP2_FLAG_NONE, stream->id, error_code) != 0)
            h2_session_fail(s, -ENOMEM);
        h2_session_wake(s);
    }
    if (!stream->failed)
        stream->failed = -ECONNRESET;
    wake(stream);
}

void h2_stream_linger(struct h2_stream *stream, int64_t deadline_ms)
{
    stream->discards = true;
    chain_close(&stream->in);
    while (stream->is_open && stream->end_sent && !stream->in_ended && !stream->failed)
        if (event_wait(&stream->input, deadline_ms) != 0)
            return;
}

void h2_stream_release(struct h2_stream *stream)
{
    struct h2_session *s = stream->session;
    if (stream->is_open && s->failed == 0) {
        h2_stream_reset(stream, s->settings.is_server && stream->end_sent ? NGHTTP2_NO_ERROR
                                                                          : NGHTTP2_CANCEL);
    }
    if (stream->id > 0 && s->nghttp2)
        nghttp2_session_set_stream_user_data(s->nghttp2, stream->id, NULL);
    list_remove(&stream->link);
    s->stream_count--;
    chain_close(&stream->in);
    chain_close(&stream->out);
    for (uint32_t i = 0; i < stream->head_count; i++)
        h2_head_drop(&stream->heads[i]);
    h2_head_drop(&stream->arriving);
    h2_head_drop(&stream->trailers);
    h2_head_drop(&stream->out_trailers);
    free(stream->trailer_fields.items);
    free(stream);
}
