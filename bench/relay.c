/* The benchmark's floor: moves bytes between a client's connection and one of its own to the
 * origin, understands nothing, checks nothing, logs nothing. What it costs is the kernel's price
 * for two reads and two writes per exchange; what a proxy costs above that is the proxy's own.
 *
 * usage: bench_relay PORT ORIGIN-PORT, both on 127.0.0.1. One thread, edge-triggered epoll, one
 * large buffer for all. Serves until SIGTERM or until its parent dies. It trusts its peers. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/number.h"

enum {
    SCRATCH_BYTES = 256 * 1024,
    EVENTS = 256,
    BACKLOG = 4096,
};

/* One side of a pair. What `fd` has not taken yet waits in `unsent`, and as long as something waits
 * nothing is read from the other side. */
struct side {
    int fd;
    bool readable;
    char *unsent;
    size_t unsent_bytes, unsent_at;
    struct pair *pair;
};

struct pair {
    struct side client, origin;
    bool broken;
    struct pair *next; /* to be freed when the batch of events is over */
};

static char scratch[SCRATCH_BYTES];
static struct epoll_event events[EVENTS];
static struct pair *broken_pairs;

static struct side *side_other(struct side *side)
{
    return side == &side->pair->client ? &side->pair->origin : &side->pair->client;
}

static void pair_break(struct pair *pair)
{
    if (pair->broken)
        return;
    pair->broken = true;
    close(pair->client.fd);
    close(pair->origin.fd);
    pair->next = broken_pairs;
    broken_pairs = pair;
}

static void pairs_free(void)
{
    while (broken_pairs) {
        struct pair *pair = broken_pairs;
        broken_pairs = pair->next;
        free(pair->client.unsent);
        free(pair->origin.unsent);
        free(pair);
    }
}

/* Sends bytes, keeping what the socket does not take. 0 all sent · -EAGAIN some are kept · -errno
 */
static int side_send(struct side *side, const char *bytes, size_t count)
{
    ssize_t sent = send(side->fd, bytes, count, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        return -errno;
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done == count)
        return 0;
    side->unsent = malloc(count - done);
    if (!side->unsent)
        return -ENOMEM;
    memcpy(side->unsent, bytes + done, count - done);
    side->unsent_bytes = count - done;
    side->unsent_at = 0;
    return -EAGAIN;
}

static int side_flush(struct side *side)
{
    while (side->unsent) {
        size_t left = side->unsent_bytes - side->unsent_at;
        ssize_t sent = send(side->fd, side->unsent + side->unsent_at, left, MSG_NOSIGNAL);
        if (sent < 0)
            return -errno;
        side->unsent_at += (size_t)sent;
        if (side->unsent_at == side->unsent_bytes) {
            free(side->unsent);
            side->unsent = NULL;
        }
    }
    return 0;
}

/* Moves bytes from one side to the other until there are none, or the other takes none. An end on
 * either side ends both: HTTP over kept connections needs no half-closed ones. */
static void side_drain(struct side *from, bool closing)
{
    struct side *to = side_other(from);
    while (from->readable && !to->unsent && !from->pair->broken) {
        ssize_t got = recv(from->fd, scratch, sizeof(scratch), 0);
        if (got < 0 && errno == EAGAIN) {
            from->readable = false;
            return;
        }
        if (got <= 0) {
            pair_break(from->pair);
            return;
        }
        from->readable = closing || (size_t)got == sizeof(scratch);
        int result = side_send(to, scratch, (size_t)got);
        if (result != 0 && result != -EAGAIN)
            pair_break(from->pair);
    }
}

static void side_serve(struct side *side, uint32_t happened)
{
    if (side->pair->broken)
        return;
    bool closing = (happened & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (happened & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        side->readable = true;
    if (side->unsent) {
        int result = side_flush(side);
        if (result == 0)
            side_drain(side_other(side), false);
        else if (result != -EAGAIN)
            pair_break(side->pair);
    }
    side_drain(side, closing);
}

static int side_watch(int epoll, struct side *side)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = side };
    return epoll_ctl(epoll, EPOLL_CTL_ADD, side->fd, &event);
}

static void pair_open(int epoll, int client, const struct sockaddr_in *origin)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pair *pair = calloc(1, sizeof(*pair));
    if (fd < 0 || !pair) {
        close(fd);
        close(client);
        free(pair);
        return;
    }
    pair->client = (struct side){ .fd = client, .pair = pair };
    pair->origin = (struct side){ .fd = fd, .pair = pair };
    int result = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (result == 0)
        result = connect(fd, (const struct sockaddr *)origin, sizeof(*origin));
    if ((result != 0 && errno != EINPROGRESS) || side_watch(epoll, &pair->client) != 0 ||
        side_watch(epoll, &pair->origin) != 0)
        pair_break(pair);
}

static int serve(int listener, const struct sockaddr_in *origin)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
        return -errno;
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        if (count < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) {
                side_serve(events[i].data.ptr, events[i].events);
                continue;
            }
            int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (client >= 0)
                pair_open(epoll, client, origin);
        }
        pairs_free();
    }
}

static int listener_open(const struct sockaddr_in *address)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int main(int argc, char **argv)
{
    uint64_t port, origin_port;
    if (argc != 3 || number_parse(slice_from(argv[1]), UINT16_MAX, &port) != 0 ||
        number_parse(slice_from(argv[2]), UINT16_MAX, &origin_port) != 0) {
        fprintf(stderr, "usage: bench_relay PORT ORIGIN-PORT\n");
        return 2;
    }
    struct sockaddr_in here = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in origin = here;
    origin.sin_port = htons((uint16_t)origin_port);
    int result = prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 ? listener_open(&here) : -errno;
    if (result >= 0)
        result = serve(result, &origin);
    fprintf(stderr, "bench_relay: %s\n", strerror(-result));
    return 1;
}
