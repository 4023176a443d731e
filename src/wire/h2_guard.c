#include "wire/h2_guard.h"

#define PREFACE_BYTES 24u

enum { DATA = 0, HEADERS = 1, PRIORITY = 2, FLAG_PADDED = 8 };
enum { PROTOCOL_ERROR = 1, STREAM_CLOSED = 5, FRAME_SIZE_ERROR = 6 };

void h2_guard_open(struct h2_guard *g, bool is_server)
{
    *g = (struct h2_guard){ .is_server = is_server, .left = is_server ? PREFACE_BYTES : 0 };
}

/* §4.2: FRAME_SIZE_ERROR "if a frame exceeds the size defined in SETTINGS_MAX_FRAME_SIZE, exceeds
 * any limit defined for the frame type, or is too small to contain mandatory frame data". */
static bool size_is_wrong(const struct h2_frame_head *h)
{
    bool may_be_padded = h->type == DATA || h->type == HEADERS;
    return h->length > H2_FRAME_BYTES_MAX ||
           (may_be_padded && (h->flags & FLAG_PADDED) && h->length == 0);
}

/* §6.3; what else PRIORITY says means nothing any more. */
static bool lacks_stream(const struct h2_frame_head *h)
{
    return h->type == PRIORITY && h->stream == 0;
}

static void note_stream(struct h2_guard *g, uint32_t stream)
{
    uint32_t steps = g->last ? (stream - g->last) / 2 : H2_GUARD_STREAMS;
    g->used = (steps < H2_GUARD_STREAMS ? g->used << steps : 0) | 1;
    g->reset = steps < H2_GUARD_STREAMS ? g->reset << steps : 0;
    g->last = stream;
}

/* Whether a frame is one that opens a stream or belongs to one of the client's. */
static bool is_of_stream(const struct h2_guard *g, const struct h2_frame_head *h)
{
    return g->is_server && (h->type == HEADERS || h->type == DATA) && h->stream % 2;
}

static struct h2_frame_head read_head(const uint8_t *b)
{
    return (struct h2_frame_head){
        .length = (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2],
        .type = b[3],
        .flags = b[4],
        .stream = (uint32_t)(b[5] & 0x7f) << 24 | (uint32_t)b[6] << 16 | (uint32_t)b[7] << 8 | b[8],
    };
}

static bool is_whole_priority(const struct h2_frame_head *h)
{
    return h->type == PRIORITY && h->length == H2_PRIORITY_BYTES;
}

static void read_priority(const uint8_t *b, struct h2_frame_head *h)
{
    h->is_exclusive = b[0] & 0x80;
    h->dependency =
        (uint32_t)(b[0] & 0x7f) << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    h->weight = (uint16_t)(b[4] + 1);
}

/* Adds to what has begun until it has so many bytes. */
static bool gather(struct h2_guard *g, size_t wanted, slice bytes, size_t *at)
{
    while (*at < bytes.len && g->begun_bytes < wanted)
        g->begun[g->begun_bytes++] = (uint8_t)bytes.ptr[(*at)++];
    return g->begun_bytes >= wanted;
}

/* Takes bytes of a head; true when it is complete. */
static bool take_head(struct h2_guard *g, slice bytes, size_t *at, struct h2_frame_head *ret)
{
    if (!gather(g, H2_FRAME_HEAD_BYTES, bytes, at))
        return false;
    *ret = read_head(g->begun);
    g->left = ret->length;
    if (is_whole_priority(ret)) {
        g->left = 0;
        if (!gather(g, sizeof g->begun, bytes, at))
            return false;
        read_priority(g->begun + H2_FRAME_HEAD_BYTES, ret);
    }
    g->begun_bytes = 0;
    g->frames++;
    return true;
}

bool h2_guard_walk(struct h2_guard *g, slice bytes, size_t *at, size_t *ret_before,
                   struct h2_frame_head *ret_head)
{
    while (*at < bytes.len) {
        size_t step = bytes.len - *at < g->left ? bytes.len - *at : g->left;
        *at += step;
        g->left -= (uint32_t)step;
        *ret_before = *at;
        if (!take_head(g, bytes, at, ret_head))
            continue;
        bool opens = is_of_stream(g, ret_head) && ret_head->stream > g->last;
        if (opens && ret_head->type == HEADERS)
            note_stream(g, ret_head->stream);
        else if (!opens && is_of_stream(g, ret_head))
            return true;
        if (size_is_wrong(ret_head) || ret_head->type == PRIORITY)
            return true;
    }
    return false;
}

uint32_t h2_guard_judge(const struct h2_guard *g, const struct h2_frame_head *head,
                        bool stream_is_open)
{
    if (size_is_wrong(head))
        return FRAME_SIZE_ERROR;
    if (lacks_stream(head))
        return PROTOCOL_ERROR;
    if (!is_of_stream(g, head) || head->stream > g->last || stream_is_open)
        return 0;
    uint32_t age = (g->last - head->stream) / 2;
    if (age >= H2_GUARD_STREAMS)
        return 0;
    if (!(g->used >> age & 1)) /* §5.1.1: "an unexpected stream identifier" */
        return PROTOCOL_ERROR;
    return g->reset >> age & 1 ? 0 : STREAM_CLOSED;
}

void h2_guard_reset(struct h2_guard *g, uint32_t stream)
{
    if (stream % 2 == 0 || stream > g->last)
        return;
    uint32_t age = (g->last - stream) / 2;
    if (age < H2_GUARD_STREAMS)
        g->reset |= UINT64_C(1) << age;
}
