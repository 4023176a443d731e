#include "net/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/tcp_options.h"

int kernel_socket(const struct address *to)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (to->any.sa_family != AF_UNIX)
        (void)tcp_options_set(fd); /* it serves without them too */
    return fd;
}

int kernel_connect(int fd, const struct address *to)
{
    return connect(fd, &to->any, to->length) < 0 ? -errno : 0;
}

int kernel_connect_result(int fd)
{
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        return -errno;
    return -error;
}

int kernel_accept(int listener, struct address *ret_peer)
{
    ret_peer->length = sizeof ret_peer->local;
    int fd = accept4(listener, &ret_peer->any, &ret_peer->length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

ssize_t kernel_receive(int fd, void *to, size_t bytes_max)
{
    ssize_t got;
    do
        got = recv(fd, to, bytes_max, 0);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

ssize_t kernel_peek(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 ? -errno : got;
}

ssize_t kernel_send(int fd, const struct iovec *parts, int count, bool is_last)
{
    int flags = MSG_NOSIGNAL | (is_last ? MSG_MORE : 0);
    struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts,
                              .msg_iovlen = (size_t)count };
    ssize_t sent;
    do
        sent = count == 1 ? send(fd, parts->iov_base, parts->iov_len, flags)
                          : sendmsg(fd, &message, flags);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

void kernel_shutdown(int fd, int how)
{
    (void)shutdown(fd, how); /* a peer that is gone already is no error here */
}

void kernel_close(int fd)
{
    close(fd);
}

void kernel_reset(int fd)
{
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

int kernel_local_address(int fd, struct address *ret)
{
    ret->length = sizeof ret->local;
    return getsockname(fd, &ret->any, &ret->length) < 0 ? -errno : 0;
}

int kernel_spare(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int kernel_descriptors_max(void)
{
    struct rlimit limit;
    bool unlimited = getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT32_MAX;
    return unlimited ? INT32_MAX : (int)limit.rlim_cur;
}
