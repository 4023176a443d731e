#include "runtime/pollable.h"

#include <errno.h>

#include "base/panic.h"
#include "runtime/poller.h"

int pollable_open(struct pollable *p, int fd)
{
    *p = (struct pollable){ .fd = fd };
    TRY(poller_add(p, false));
    p->registered = true;
    return 0;
}

int pollable_open_level(struct pollable *p, int fd, void (*on_ready)(struct pollable *))
{
    *p = (struct pollable){ .fd = fd, .on_ready = on_ready, .watched = true };
    TRY(poller_add(p, true));
    p->registered = true;
    return 0;
}

void pollable_close(struct pollable *p, bool forget)
{
    ASSERT(!p->reader && !p->writer);
    if (p->registered)
        poller_remove(p, forget);
    p->registered = false;
    p->on_ready = NULL;
    p->watched = false;
}

void pollable_note(struct pollable *p, uint8_t ready, bool hangup, bool broken)
{
    p->ready |= ready;
    p->hangup |= hangup;
    p->broken |= broken;
    if (p->reader && (ready & POLL_READ))
        fiber_wake(p->reader);
    if (p->writer && (ready & POLL_WRITE))
        fiber_wake(p->writer);
    if (!p->on_ready || !(ready & POLL_READ))
        return;
    void (*call)(struct pollable *) = p->on_ready;
    if (!p->watched)
        p->on_ready = NULL;
    call(p); /* may free p */
}

void pollable_nudge(struct pollable *p)
{
    p->nudged = true;
    if (p->reader)
        fiber_wake(p->reader);
}

static bool take_nudge(struct pollable *p, uint8_t direction)
{
    bool nudged = direction == POLL_READ && p->nudged;
    if (nudged)
        p->nudged = false;
    return nudged;
}

int pollable_wait(struct pollable *p, uint8_t direction, int64_t deadline_ms)
{
    struct fiber **waiter = direction == POLL_READ ? &p->reader : &p->writer;
    ASSERT(*waiter == NULL);
    uint8_t wanted = direction == POLL_READ ? POLL_ANY_READ : POLL_WRITE;
    int result = 0;
    *waiter = fiber_current();
    while (!(p->ready & wanted) && result == 0)
        result = take_nudge(p, direction) ? -EINTR : fiber_wait(deadline_ms);
    *waiter = NULL;
    bool came_in_time = result == -ETIMEDOUT && (p->ready & wanted); /* in the same turn */
    return came_in_time ? 0 : result;
}

void pollable_park(struct pollable *p, void (*on_ready)(struct pollable *))
{
    p->watched = false;
    p->on_ready = on_ready;
    if (!on_ready || !(p->ready & POLL_ANY_READ))
        return;
    p->on_ready = NULL;
    on_ready(p);
}

void pollable_watch(struct pollable *p, void (*on_edge)(struct pollable *))
{
    p->watched = true;
    p->on_ready = on_edge;
}
