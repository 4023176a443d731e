#include "net/listen.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/kernel.h"
#include "net/tcp_options.h"

#define BACKLOG_DEFAULT 4096

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

static int set_tcp_options(int fd, const struct address *a, bool reuse_port)
{
    TRY(set(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    if (reuse_port)
        TRY(set(fd, SOL_SOCKET, SO_REUSEPORT, 1));
    if (a->any.sa_family == AF_INET6) {
        bool any = IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
        TRY(set(fd, IPPROTO_IPV6, IPV6_V6ONLY, any ? 0 : 1));
    }
    return tcp_options_set(fd); /* what is accepted inherits them */
}

/* A socket file that nobody listens on is left from a process that died. */
static int remove_stale_file(const struct address *a)
{
    struct stat status;
    if (lstat(a->local.sun_path, &status) < 0)
        return 0;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return -errno;
    bool alive = connect(probe, &a->any, a->length) == 0;
    close(probe);
    if (alive)
        return -EADDRINUSE;
    return unlink(a->local.sun_path) < 0 ? -errno : 0;
}

static int bind_and_listen(int fd, const struct address *a, const struct listen_options *options)
{
    bool local = a->any.sa_family == AF_UNIX;
    TRY(local ? remove_stale_file(a) : set_tcp_options(fd, a, options->reuse_port));
    if (bind(fd, &a->any, a->length) < 0)
        return -errno;
    if (local && chmod(a->local.sun_path, options->mode ? options->mode : 0666) < 0)
        return -errno;
    return listen(fd, options->backlog ? options->backlog : BACKLOG_DEFAULT) < 0 ? -errno : 0;
}

int listen_open(const struct address *a, const struct listen_options *options)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = bind_and_listen(fd, a, options);
    if (result != 0) {
        close(fd);
        return result;
    }
    return fd;
}

int listen_accept(int fd, struct socket *s, struct address *ret_peer)
{
    int accepted = kernel_accept(fd, ret_peer);
    return accepted < 0 ? accepted : socket_adopt(s, accepted);
}
