#include "control/message.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/panic.h"

struct message message_in, message_out;

struct head {
    uint32_t kind;
    int32_t detail;
    int64_t number;
};

union control {
    struct cmsghdr align;
    char memory[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
};

int message_send(int fd, const struct message *m)
{
    struct head head = { m->kind, m->detail, m->number };
    struct iovec parts[2] = { { &head, sizeof head },
                              { (void *)(uintptr_t)m->text, m->text_length } };
    struct msghdr packet = { .msg_iov = parts, .msg_iovlen = 2 };
    union control control;
    ASSERT(m->text_length <= MESSAGE_TEXT_MAX && m->fd_count <= MESSAGE_FDS_MAX);
    if (m->fd_count > 0) {
        memset(&control, 0, sizeof control);
        packet.msg_control = control.memory;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)m->fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&packet);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)m->fd_count);
        memcpy(CMSG_DATA(c), m->fds, sizeof(int) * (size_t)m->fd_count);
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &packet, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int message_send_plain(int fd, enum message_kind kind, int32_t detail, int64_t number)
{
    struct head head = { kind, detail, number };
    ssize_t sent;
    do
        sent = send(fd, &head, sizeof head, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

void message_pass(int fd, const struct message *m)
{
    int result = message_send(fd, m);
    if (result != 0)
        log_debug("message %u was not taken: %s", m->kind, strerror(-result));
}

void message_tell(int fd, enum message_kind kind, int32_t detail, int64_t number)
{
    int result = message_send_plain(fd, kind, detail, number);
    if (result != 0)
        log_debug("message %u was not taken: %s", kind, strerror(-result));
}

static void take_fds(struct msghdr *packet, struct message *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(packet); c; c = CMSG_NXTHDR(packet, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && m->fd_count < MESSAGE_FDS_MAX; i++)
            memcpy(&m->fds[m->fd_count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
}

int message_receive(int fd, struct message *ret)
{
    struct head head;
    struct iovec parts[2] = { { &head, sizeof head }, { ret->text, MESSAGE_TEXT_MAX } };
    union control control;
    struct msghdr packet = { .msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = control.memory,
                             .msg_controllen = sizeof control.memory };
    ssize_t got;
    do
        got = recvmsg(fd, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    ret->fd_count = 0;
    take_fds(&packet, ret);
    if (got == 0 && ret->fd_count == 0)
        return -EPIPE;
    if ((size_t)got < sizeof head || (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        message_close_fds(ret);
        return -EPROTO;
    }
    ret->kind = head.kind;
    ret->detail = head.detail;
    ret->number = head.number;
    ret->text_length = (uint32_t)((size_t)got - sizeof head);
    ret->text[ret->text_length] = '\0';
    return 0;
}

int message_await(int fd, struct message *ret, int timeout_ms)
{
    for (;;) {
        int result = message_receive(fd, ret);
        if (result != -EAGAIN)
            return result;
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        int ready = poll(&poll_fd, 1, timeout_ms);
        if (ready == 0)
            return -ETIMEDOUT;
        if (ready < 0 && errno != EINTR)
            return -errno;
    }
}

void message_close_fds(struct message *m)
{
    for (int i = 0; i < m->fd_count; i++)
        close(m->fds[i]);
    m->fd_count = 0;
}

void message_widen(int fd)
{
    /* Texts of up to 64 KiB must fit into the socket's buffer at once. */
    int room = 4 * (int)MESSAGE_TEXT_MAX;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

int message_pair(int ret_ends[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_ends) < 0)
        return -errno;
    for (int i = 0; i < 2; i++)
        message_widen(ret_ends[i]);
    return 0;
}

struct message *message_with_text(enum message_kind kind, int32_t detail, int64_t number,
                                  const char *format, ...)
{
    struct message *m = &message_out;
    m->kind = kind;
    m->detail = detail;
    m->number = number;
    m->fd_count = 0;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(m->text, sizeof m->text, format, arguments);
    va_end(arguments);
    if (length < 0)
        length = 0;
    m->text_length =
        (uint32_t)length < sizeof m->text ? (uint32_t)length : (uint32_t)sizeof m->text - 1;
    return m;
}
