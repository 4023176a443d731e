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

static struct iovec part_of(slice s)
{
    return (struct iovec){ (void *)(uintptr_t)s.ptr, s.len };
}

/* What ends a chunk, the message, or both. */
static slice chunk_tail(const struct pieces *p)
{
    if (p->bytes == 0)
        return p->last ? SLICE(H1_LAST_CHUNK) : slice_of(NULL, 0);
    return p->last ? SLICE("\r\n" H1_LAST_CHUNK) : SLICE("\r\n");
}

/* Head, chunk head, data and tail; all data is one chunk. */
static int send_now(struct body_sink *base, struct pieces *p)
{
    struct h1_sink *s = sink_of(base);
    int first = PIECES_FIRST, end = PIECES_FIRST + p->count;
    slice tail = s->chunked ? chunk_tail(p) : slice_of(NULL, 0);
    size_t head_bytes = s->prefix.len;
    if (s->chunked && p->bytes)
        p->parts[--first] = (struct iovec){ s->chunk_head, h1_chunk_head(s->chunk_head, p->bytes) };
    if (head_bytes)
        p->parts[--first] = part_of(s->prefix);
    if (tail.len)
        p->parts[end++] = part_of(tail);
    s->prefix.len = 0;
    if (first == end)
        return 0;
    ASSERT(!s->unsent.rest);
    int result =
        scratch_send_now(s->socket, &p->parts[first], end - first, &s->unsent, &base->written);
    base->head_written += head_bytes;
    base->begun = base->written > 0;
    return result != 0 ? result : s->unsent.rest ? 1 : 0;
}

static int flush(struct body_sink *base, const struct send_options *options)
{
    struct h1_sink *s = sink_of(base);
    int result = scratch_send_rest(s->socket, &s->unsent, 0, options, &base->written);
    base->begun = base->written > 0;
    return result;
}

static void drop(struct body_sink *base)
{
    buffer_drop(&sink_of(base)->unsent.rest);
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
