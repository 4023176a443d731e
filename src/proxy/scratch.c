#include "proxy/scratch.h"

#include <errno.h>

#include "base/buffer.h"
#include "base/panic.h"
#include "base/writer.h"

/* Heads are limited to 1 MiB by `limits head`; 64 KiB more for what the proxy adds is plenty: edits
 * are bounded by the configuration and checked through the writer's overflow. */
#define SCRATCH_HEAD_BYTES ((1u << 20) + (64u << 10))

#define JOINED_BYTES_MAX 4096u

char scratch_body[SCRATCH_BODY_BYTES] __attribute__((aligned(4096)));
static char head_memory[SCRATCH_HEAD_BYTES] __attribute__((aligned(4096)));

struct writer scratch_head(void)
{
    return writer_over(head_memory, sizeof head_memory);
}

static size_t parts_length(const struct iovec *parts, int count)
{
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    return length;
}

/* Copies what stands behind the first `skip` bytes. */
static void copy_rest(struct buffer *to, const struct iovec *parts, int count, size_t skip)
{
    for (int i = 0; i < count; i++) {
        size_t length = parts[i].iov_len;
        size_t skipped = skip < length ? skip : length;
        skip -= skipped;
        ASSERT(length - skipped <= buffer_room(to));
        memcpy(to->memory + to->end, (const char *)parts[i].iov_base + skipped, length - skipped);
        to->end += (uint32_t)(length - skipped);
    }
}

/* Parts that are few bytes together are copied behind each other, behind the head that is the first
 * of them: the system call for one part is cheaper than the one for several by more than the copy
 * takes (measured: 0.4 us of 14 for a head and 1 KB). */
static bool join_small(const struct iovec *parts, int count, size_t length, struct iovec *ret)
{
    if (count < 2 || length > JOINED_BYTES_MAX)
        return false;
    char *to = head_memory;
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_base != to)
            memcpy(to, parts[i].iov_base, parts[i].iov_len);
        to += parts[i].iov_len;
    }
    *ret = (struct iovec){ head_memory, length };
    return true;
}

int scratch_send_now(struct socket *s, const struct iovec *parts, int count, struct unsent *unsent,
                     uint64_t *written)
{
    size_t length = parts_length(parts, count);
    struct iovec joined;
    if (join_small(parts, count, length, &joined)) {
        parts = &joined;
        count = 1;
    }
    ssize_t sent = socket_write_now(s, parts, count);
    if (sent < 0 && sent != -EAGAIN)
        return (int)sent;
    size_t went = sent > 0 ? (size_t)sent : 0;
    *written += went;
    unsent->waits_as_record = socket_has_unsent(s);
    if (LIKELY(went == length))
        return 0;
    unsent->rest = buffer_take_large((uint32_t)(length - went));
    if (!unsent->rest)
        return -ENOBUFS;
    copy_rest(unsent->rest, parts, count, went);
    return 0;
}

int scratch_send_rest(struct socket *s, struct unsent *unsent, int earlier_error,
                      const struct send_options *options, uint64_t *written)
{
    OWNS(buffer_drop) struct buffer *rest = unsent->rest;
    unsent->rest = NULL;
    if (earlier_error != 0 || (!rest && !unsent->waits_as_record))
        return earlier_error;
    struct iovec part = { rest ? rest->memory : NULL, rest ? buffer_length(rest) : 0 };
    size_t later = 0;
    int result =
        socket_write(s, &part, rest ? 1 : 0, options->stall_ms, options->deadline_ms, &later);
    *written += later;
    return result;
}

int scratch_send(struct socket *s, const struct iovec *parts, int count,
                 const struct send_options *options, uint64_t *written)
{
    struct unsent unsent = { 0 };
    int result = scratch_send_now(s, parts, count, &unsent, written);
    return scratch_send_rest(s, &unsent, result, options, written);
}
