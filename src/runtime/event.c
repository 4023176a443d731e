#include "runtime/event.h"

#include <errno.h>

struct waiter {
    struct list link;
    struct fiber *fiber;
    bool signalled;
};

void event_init(struct event *e)
{
    list_open(&e->waiters);
}

int event_wait(struct event *e, int64_t deadline_ms)
{
    struct waiter w = { .fiber = fiber_current() };
    list_push_back(&e->waiters, &w.link);
    int result = 0;
    while (!w.signalled && result == 0)
        result = fiber_wait(deadline_ms);
    list_remove(&w.link);
    return w.signalled && result != -ECANCELED ? 0 : result;
}

static void signal_waiter(struct list *node)
{
    struct waiter *w = LIST_ENTRY(node, struct waiter, link);
    w->signalled = true;
    fiber_wake(w->fiber);
}

void event_signal_one(struct event *e)
{
    struct list *node = list_pop_front(&e->waiters);
    if (node)
        signal_waiter(node);
}

void event_signal_all(struct event *e)
{
    struct list *node;
    while ((node = list_pop_front(&e->waiters)))
        signal_waiter(node);
}

bool event_has_waiters(const struct event *e)
{
    return !list_is_empty(&e->waiters);
}
