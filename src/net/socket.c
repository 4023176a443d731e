#include "net/socket.h"

#include <errno.h>

#include "net/kernel.h"
#include "net/tls.h"

#define PARTS_MAX    64
#define DISCARDS_MAX 16

int socket_adopt(struct socket *s, int fd)
{
    int result = pollable_open(&s->poll, fd);
    if (result != 0) {
        kernel_close(fd);
        s->poll.fd = -1;
        return result;
    }
    s->poll.ready = POLL_WRITE; /* a fresh socket takes bytes; the first edge confirms it */
    return 0;
}

int socket_connect(struct socket *s, const struct address *to, int64_t deadline_ms)
{
    int fd = kernel_socket(to);
    if (fd < 0)
        return fd;
    int result = kernel_connect(fd, to);
    if (result != 0 && result != -EINPROGRESS) {
        kernel_close(fd);
        return result;
    }
    int adopted = socket_adopt(s, fd);
    if (adopted != 0)
        return adopted;
    if (result == -EINPROGRESS) {
        s->poll.ready = 0;
        result = pollable_wait(&s->poll, POLL_WRITE, deadline_ms);
        if (result == 0)
            result = kernel_connect_result(fd);
    }
    if (result != 0)
        socket_close(s);
    return result;
}

/* A short read means drained, unless an end or an error is still to be fetched. */
static void note_read(struct socket *s, size_t got, size_t asked)
{
    if (got < asked && !s->poll.hangup)
        s->poll.ready &= (uint8_t)~POLL_READ;
}

ssize_t socket_receive_raw(struct socket *s, void *to, size_t bytes_max)
{
    if (!(s->poll.ready & POLL_READ))
        return -EAGAIN;
    ssize_t got = kernel_receive(s->poll.fd, to, bytes_max);
    if (got >= 0)
        note_read(s, (size_t)got, bytes_max);
    else if (got == -EAGAIN)
        s->poll.ready &= (uint8_t)~POLL_READ;
    return got;
}

ssize_t socket_read_now(struct socket *s, void *to, size_t bytes_max)
{
    if (LIKELY(!s->tls))
        return socket_receive_raw(s, to, bytes_max);
    if (!(s->poll.ready & POLL_ANY_READ))
        return -EAGAIN;
    return tls_read_now(s, to, bytes_max);
}

ssize_t socket_read(struct socket *s, void *to, size_t bytes_max, int64_t deadline_ms)
{
    if (fiber_is_cancelled())
        return -ECANCELED;
    TRY(fiber_be_fair());
    for (;;) {
        ssize_t got = socket_read_now(s, to, bytes_max);
        if (got != -EAGAIN) {
            if (got > 0)
                fiber_charge((size_t)got);
            return got;
        }
        TRY(pollable_wait(&s->poll, POLL_READ, deadline_ms));
    }
}

ssize_t socket_send_raw(struct socket *s, const struct iovec *parts, int count)
{
    if (!(s->poll.ready & POLL_WRITE))
        return 0;
    size_t asked = 0;
    for (int i = 0; i < count; i++)
        asked += parts[i].iov_len;
    ssize_t sent = kernel_send(s->poll.fd, parts, count, s->is_last_write);
    if (sent == -EAGAIN)
        sent = 0;
    else if (sent < 0)
        return sent;
    if ((size_t)sent < asked)
        s->poll.ready &= (uint8_t)~POLL_WRITE;
    else if (s->is_last_write)
        kernel_shutdown(s->poll.fd, SHUT_WR);
    return sent;
}

ssize_t socket_write_now(struct socket *s, const struct iovec *parts, int count)
{
    return LIKELY(!s->tls) ? socket_send_raw(s, parts, count) : tls_write_now(s, parts, count);
}

bool socket_has_unsent(const struct socket *s)
{
    return s->tls && tls_has_unsent(s);
}

/* Moves the front of the parts forward by what has gone. */
static void skip_parts(struct iovec **parts, int *count, size_t sent)
{
    while (*count > 0 && sent >= (*parts)->iov_len) {
        sent -= (*parts)->iov_len;
        (*parts)++;
        (*count)--;
    }
    if (*count > 0) {
        (*parts)->iov_base = (char *)(*parts)->iov_base + sent;
        (*parts)->iov_len -= sent;
    }
}

static int64_t stall_deadline(int64_t stall_ms, int64_t deadline_ms)
{
    if (stall_ms == 0)
        return deadline_ms;
    int64_t stalled = loop_now_ms() + stall_ms;
    return stalled < deadline_ms ? stalled : deadline_ms;
}

int socket_write(struct socket *s, struct iovec *parts, int count, int64_t stall_ms,
                 int64_t deadline_ms, size_t *ret_written)
{
    size_t written = 0;
    int result = fiber_is_cancelled() ? -ECANCELED : 0;
    while (result == 0 && (count > 0 || socket_has_unsent(s))) {
        ssize_t sent = socket_write_now(s, parts, count < PARTS_MAX ? count : PARTS_MAX);
        if (sent < 0) {
            result = (int)sent;
            break;
        }
        written += (size_t)sent;
        skip_parts(&parts, &count, (size_t)sent);
        if (!(s->poll.ready & POLL_WRITE) && (count > 0 || socket_has_unsent(s)))
            result = pollable_wait(&s->poll, POLL_WRITE, stall_deadline(stall_ms, deadline_ms));
    }
    if (ret_written)
        *ret_written = written;
    return result;
}

void socket_last_write(struct socket *s)
{
    if (s->tls)
        tls_last_write(s);
    else
        s->is_last_write = true;
}

void socket_shutdown_write(struct socket *s)
{
    if (!socket_is_open(s))
        return;
    if (s->tls)
        tls_shutdown_write(s);
    kernel_shutdown(s->poll.fd, SHUT_WR);
}

void socket_abort(struct socket *s)
{
    if (socket_is_open(s))
        kernel_shutdown(s->poll.fd, SHUT_RDWR); /* the hang-up is an edge that wakes who waits */
}

void socket_discard_now(const struct socket *s)
{
    char bin[4096];
    for (int i = 0; i < DISCARDS_MAX; i++)
        if (kernel_receive(s->poll.fd, bin, sizeof bin) < (ssize_t)sizeof bin)
            return;
}

static void end(struct socket *s, void (*end_descriptor)(int fd))
{
    if (!socket_is_open(s))
        return;
    tls_end(s, end_descriptor == kernel_close);
    pollable_close(&s->poll, true);
    end_descriptor(s->poll.fd);
    s->poll.fd = -1;
}

void socket_close(struct socket *s)
{
    end(s, kernel_close);
}

void socket_reset(struct socket *s)
{
    end(s, kernel_reset);
}

bool socket_is_stale(struct socket *s)
{
    if (s->poll.hangup)
        return true;
    if (s->tls)
        return tls_is_stale(s);
    if (!(s->poll.ready & POLL_READ))
        return false;
    if (kernel_peek(s->poll.fd) == -EAGAIN) { /* only a full read had left the bit set */
        s->poll.ready &= (uint8_t)~POLL_READ;
        return false;
    }
    return true;
}

bool socket_has_input(const struct socket *s)
{
    return (s->poll.ready & POLL_HELD) || kernel_peek(s->poll.fd) != -EAGAIN;
}

void socket_park(struct socket *s, void (*on_ready)(struct pollable *))
{
    pollable_park(&s->poll, on_ready);
}

int socket_local_address(const struct socket *s, struct address *ret)
{
    return kernel_local_address(s->poll.fd, ret);
}
