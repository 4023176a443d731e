#include "proxy/relay.h"

#include <errno.h>

#include "proxy/scratch.h"

#define PARTS_MAX  60 /* of one gathered send; a chunk takes three */
#define CHUNKS_MAX (PARTS_MAX / 3)

struct batch {
    struct iovec parts[PARTS_MAX + 4];
    int count;
    char chunk_heads[CHUNKS_MAX][H1_CHUNK_HEAD_MAX];
    int chunks;
};

static void batch_add(struct batch *b, const void *bytes, size_t count)
{
    b->parts[b->count++] = (struct iovec){ (void *)(uintptr_t)bytes, count };
}

static void batch_add_data(struct batch *b, slice data, bool chunked)
{
    if (!chunked) {
        batch_add(b, data.ptr, data.len);
        return;
    }
    char *head = b->chunk_heads[b->chunks++];
    batch_add(b, head, h1_chunk_head(head, data.len));
    batch_add(b, data.ptr, data.len);
    batch_add(b, "\r\n", 2);
}

static bool batch_has_room(const struct batch *b)
{
    return b->count + 3 <= PARTS_MAX && b->chunks < CHUNKS_MAX;
}

static int fail(struct relay *r, enum relay_side side, int result)
{
    r->failed = side;
    return result;
}

/* Decodes from the front of *in into the batch until one of them is full or empty. */
static int take_pieces(struct relay *r, slice *in, struct batch *b)
{
    while (in->len && !r->body->ended && batch_has_room(b)) {
        slice data;
        size_t used;
        if (h1_body_next(r->body, *in, &data, &used) != 0)
            return fail(r, RELAY_FROM, -EPROTO);
        if (data.len)
            batch_add_data(b, data, r->chunked);
        r->bytes_read += used;
        *in = slice_after(*in, used);
    }
    return 0;
}

/* What is about to be sent: the prefix, then pieces of what is there. */
static int fill_batch(struct relay *r, struct batch *b)
{
    slice buffered =
        r->buffered ? slice_of(r->buffered->memory + r->buffered->start, buffer_length(r->buffered))
                    : slice_of(NULL, 0);
    size_t before = buffered.len;
    b->count = b->chunks = 0;
    if (r->prefix.len)
        batch_add(b, r->prefix.ptr, r->prefix.len);
    r->prefix.len = 0;
    TRY(take_pieces(r, &buffered, b));
    if (r->buffered)
        r->buffered->start += (uint32_t)(before - buffered.len);
    if (buffered.len == 0)
        TRY(take_pieces(r, &r->more, b));
    if (r->check && r->check(r) != 0)
        return fail(r, RELAY_CHECK, -EREMOTEIO);
    if (r->body->ended && r->chunked)
        batch_add(b, H1_LAST_CHUNK, sizeof(H1_LAST_CHUNK) - 1);
    return 0;
}

/* Before a wait: what lies undecoded in scratch memory moves to a buffer of the relay's own. */
static int keep_more(struct relay *r)
{
    if (r->more.len == 0 || r->kept)
        return 0;
    r->kept = buffer_take_large((uint32_t)r->more.len);
    if (!r->kept)
        return -ENOBUFS;
    memcpy(r->kept->memory, r->more.ptr, r->more.len);
    r->more.ptr = r->kept->memory;
    return 0;
}

static int send_batch(struct relay *r, struct batch *b)
{
    struct send_options options = { .stall_ms = r->stall_ms, .deadline_ms = r->deadline_ms };
    struct unsent unsent = { 0 };
    int result = scratch_send_now(r->to, b->parts, b->count, &unsent, &r->bytes_written);
    if (LIKELY(result == 0 && unsent_is_none(&unsent)))
        return 0;
    if (result == 0)
        result = keep_more(r);
    int64_t began_ms = loop_now_ms();
    int later = scratch_send_rest(r->to, &unsent, result, &options, &r->bytes_written);
    r->stalled_ms += loop_now_ms() - began_ms;
    return later == 0 ? 0 : fail(r, RELAY_TO, later);
}

static bool has_input(const struct relay *r)
{
    return r->more.len || (r->buffered && buffer_length(r->buffered));
}

/* Sends everything that is there. */
static int send_all(struct relay *r)
{
    int result = 0;
    do {
        struct batch b;
        result = fill_batch(r, &b);
        if (result == 0 && b.count)
            result = send_batch(r, &b);
    } while (result == 0 && has_input(r) && !r->body->ended);
    if (r->kept && (result != 0 || r->more.len == 0))
        buffer_drop(&r->kept);
    return result;
}

int relay_begin(struct relay *r)
{
    return send_all(r);
}

static int64_t read_deadline(const struct relay *r)
{
    int64_t deadline = loop_now_ms() + r->idle_ms;
    int64_t own = r->deadline ? r->deadline(r) : NEVER;
    deadline = own < deadline ? own : deadline;
    return deadline < r->deadline_ms ? deadline : r->deadline_ms;
}

/* One read into scratch memory; of a body of known length never more than what is left of it,
 * unless left-over bytes are to be noticed. What is read may have to be kept while `to` stalls:
 * when buffers are scarce it is little. */
static ssize_t read_some(struct relay *r)
{
    size_t want = buffers_are_scarce() ? BUFFER_BYTES : r->read_bytes_max;
    if (r->stops_at_end && r->body->framing == H1_FRAMING_LENGTH && r->body->left < want)
        want = r->body->left;
    return socket_read(r->from, scratch_body, want, read_deadline(r));
}

int relay_finish(struct relay *r)
{
    while (!r->body->ended) {
        ssize_t got = read_some(r);
        if (got < 0)
            return fail(r, RELAY_FROM, (int)got);
        if (got == 0) {
            r->closed = true;
            if (h1_body_closed(r->body) != 0)
                return fail(r, RELAY_FROM, -EPROTO);
        }
        r->more = slice_of(scratch_body, (size_t)got);
        TRY(send_all(r));
    }
    return 0;
}

void relay_end(struct relay *r)
{
    buffer_drop(&r->kept);
    r->more = slice_of(NULL, 0);
}
