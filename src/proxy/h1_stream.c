#include "proxy/h1_stream.h"

#include <errno.h>

#include "base/panic.h"

/* --- Source ----------------------------------------------------------------------------------- */

static struct h1_source *source_of(struct body_source *s)
{
    return CONTAINER_OF(s, struct h1_source, base);
}

/* Decodes from the front of *in until it or the room is exhausted. */
static int take_pieces(struct h1_source *s, slice *in, struct pieces *to)
{
    while (in->len && !s->decoder.ended && to->count < PIECES_MAX) {
        slice data;
        size_t used;
        TRY(h1_body_next(&s->decoder, *in, &data, &used));
        if (data.len)
            pieces_add(to, data);
        s->base.bytes_read += used;
        *in = slice_after(*in, used);
    }
    return 0;
}

static int take(struct body_source *base, struct pieces *to)
{
    struct h1_source *s = source_of(base);
    struct buffer *b = s->buffered;
    slice buffered = b ? slice_of(b->memory + b->start, buffer_length(b)) : slice_of(NULL, 0);
    size_t before = buffered.len;
    TRY(take_pieces(s, &buffered, to));
    if (b)
        b->start += (uint32_t)(before - buffered.len);
    if (buffered.len == 0)
        TRY(take_pieces(s, &s->more, to));
    base->decoded = s->decoder.decoded;
    base->ended = s->decoder.ended;
    return 0;
}

/* One read into scratch memory; of a body of known length never more than what is left of it,
 * unless left-over bytes are to be noticed. What is read may have to be kept while the other side
 * stalls: when buffers are scarce it is little. */
static int wait_for_more(struct body_source *base, int64_t deadline_ms)
{
    struct h1_source *s = source_of(base);
    size_t want = buffers_are_scarce() ? BUFFER_BYTES : s->read_bytes_max;
    if (s->stops_at_end && s->decoder.framing == H1_FRAMING_LENGTH && s->decoder.left < want)
        want = s->decoder.left;
    buffer_drop(&s->kept); /* all of it has been taken */
    ssize_t got = socket_read(s->socket, scratch_body, want, deadline_ms);
    if (got < 0)
        return (int)got;
    s->more = slice_of(scratch_body, (size_t)got);
    if (got > 0)
        return 0;
    base->closed = true;
    TRY(h1_body_closed(&s->decoder));
    base->ended = true;
    return 0;
}

static int keep(struct body_source *base)
{
    struct h1_source *s = source_of(base);
    if (s->more.len == 0 || s->kept)
        return 0;
    s->kept = buffer_take_large((uint32_t)s->more.len);
    if (!s->kept)
        return -ENOBUFS;
    memcpy(s->kept->memory, s->more.ptr, s->more.len);
    s->more.ptr = s->kept->memory;
    return 0;
}

static void rewind_source(struct body_source *base)
{
    struct h1_source *s = source_of(base);
    uint64_t length =
        s->decoder.framing == H1_FRAMING_LENGTH ? s->decoder.left + s->decoder.decoded : 0;
    h1_body_open(&s->decoder, s->decoder.framing, length);
    if (s->buffered)
        s->buffered->start = s->buffered_at;
    base->decoded = base->bytes_read = 0;
    base->ended = s->decoder.ended;
}

static void close_source(struct body_source *base)
{
    struct h1_source *s = source_of(base);
    buffer_drop(&s->kept);
    s->more = slice_of(NULL, 0);
}

static const struct body_source_operations source_operations = { .take = take,
                                                                 .wait = wait_for_more,
                                                                 .keep = keep,
                                                                 .rewind = rewind_source,
                                                                 .close = close_source };

void h1_source_open(struct h1_source *s, struct socket *socket, enum h1_framing framing,
                    uint64_t content_length)
{
    *s = (struct h1_source){ .base.operations = &source_operations,
                             .socket = socket,
                             .read_bytes_max = SCRATCH_BODY_BYTES };
    h1_body_open(&s->decoder, framing, content_length);
    s->base.ended = s->decoder.ended;
}

/* --- Sink ------------------------------------------------------------------------------------- */

static struct h1_sink *sink_of(struct body_sink *s)
{
    return CONTAINER_OF(s, struct h1_sink, base);
}

/* What goes out in one call: the head, then the data, each piece a chunk where there are chunks. */
struct batch {
    struct iovec parts[3 * PIECES_MAX + 2];
    int count;
    char chunk_heads[PIECES_MAX][H1_CHUNK_HEAD_MAX];
};

static void batch_add(struct batch *b, const void *bytes, size_t count)
{
    b->parts[b->count++] = (struct iovec){ (void *)(uintptr_t)bytes, count };
}

static void frame_chunks(struct batch *b, const struct pieces *p)
{
    for (int i = 0; i < p->count; i++) {
        const struct iovec *data = &p->parts[PIECES_FIRST + i];
        char *head = b->chunk_heads[i];
        batch_add(b, head, h1_chunk_head(head, data->iov_len));
        batch_add(b, data->iov_base, data->iov_len);
        batch_add(b, "\r\n", 2);
    }
    if (p->last)
        batch_add(b, H1_LAST_CHUNK, sizeof(H1_LAST_CHUNK) - 1);
}

static int send_parts(struct h1_sink *s, const struct iovec *parts, int count)
{
    ASSERT(unsent_is_none(&s->unsent));
    int result = scratch_send_now(s->socket, parts, count, &s->unsent, &s->base.written);
    s->base.begun = s->base.written > 0;
    return result != 0 ? result : unsent_is_none(&s->unsent) ? 0 : 1;
}

static int send_chunked(struct h1_sink *s, slice head, const struct pieces *p)
{
    struct batch b;
    b.count = 0;
    if (head.len)
        batch_add(&b, head.ptr, head.len);
    frame_chunks(&b, p);
    return b.count ? send_parts(s, b.parts, b.count) : 0;
}

static int send_now(struct body_sink *base, struct pieces *p)
{
    struct h1_sink *s = sink_of(base);
    struct iovec *first = &p->parts[PIECES_FIRST];
    int count = p->count;
    slice head = s->prefix;
    s->prefix.len = 0;
    base->head_written += head.len;
    if (p->last && s->ends_connection)
        socket_last_write(s->socket);
    if (s->chunked)
        return send_chunked(s, head, p);
    if (head.len) {
        *--first = (struct iovec){ (void *)(uintptr_t)head.ptr, head.len };
        count++;
    }
    return count ? send_parts(s, first, count) : 0;
}

static int flush(struct body_sink *base, const struct send_options *options)
{
    struct h1_sink *s = sink_of(base);
    int result = scratch_send_rest(s->socket, &s->unsent, 0, options, &base->written);
    s->unsent = (struct unsent){ 0 };
    base->begun = base->written > 0;
    return result;
}

static void drop(struct body_sink *base)
{
    struct h1_sink *s = sink_of(base);
    buffer_drop(&s->unsent.rest);
    s->unsent = (struct unsent){ 0 };
}

static void finish(struct body_sink *base)
{
    socket_shutdown_write(sink_of(base)->socket);
}

static void abort_sink(struct body_sink *base)
{
    socket_abort(sink_of(base)->socket);
}

static const struct body_sink_operations sink_operations = {
    .send_now = send_now, .flush = flush, .drop = drop, .finish = finish, .abort = abort_sink
};

void h1_sink_open(struct h1_sink *s, struct socket *socket, slice prefix, bool chunked)
{
    *s = (struct h1_sink){
        .base.operations = &sink_operations, .socket = socket, .prefix = prefix, .chunked = chunked
    };
}
