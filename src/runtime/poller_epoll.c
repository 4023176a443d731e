#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "runtime/poller.h"

#define EVENTS_MAX 256

static int epoll_fd = -1;
static struct epoll_event events[EVENTS_MAX];
static int event_count, event_at; /* of the turn in progress */

int poller_open(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return epoll_fd < 0 ? -errno : 0;
}

void poller_close(void)
{
    if (epoll_fd >= 0)
        close(epoll_fd);
    epoll_fd = -1;
}

int poller_add(struct pollable *p, bool level)
{
    struct epoll_event event = { .data.ptr = p };
    event.events = level ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLRDHUP | (uint32_t)EPOLLET;
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, p->fd, &event) < 0 ? -errno : 0;
}

void poller_remove(struct pollable *p, bool forget)
{
    if (!forget)
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, p->fd, NULL);
    for (int i = event_at; i < event_count; i++) /* fetched, not delivered yet */
        if (events[i].data.ptr == p)
            events[i].data.ptr = NULL;
}

static void deliver(const struct epoll_event *event)
{
    uint8_t ready = 0;
    if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        ready |= POLL_READ;
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        ready |= POLL_WRITE;
    pollable_note(event->data.ptr, ready, (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                  (event->events & (EPOLLHUP | EPOLLERR)) != 0);
}

int poller_wait(int64_t timeout_ms)
{
    int timeout = timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
    int count = epoll_wait(epoll_fd, events, EVENTS_MAX, timeout);
    if (count < 0) {
        loop_turn_begins();
        return errno == EINTR ? 0 : -errno;
    }
    loop_turn_begins();
    event_count = count;
    for (event_at = 0; event_at < event_count;) {
        const struct epoll_event *event = &events[event_at++];
        if (event->data.ptr)
            deliver(event);
    }
    event_count = event_at = 0;
    return 0;
}

int64_t poller_clock_ns(void)
{
    return clock_monotonic_ns();
}

int64_t poller_wall_ms(void)
{
    return clock_wall_ms();
}
