#include <errno.h>
#include <string.h>

#include "base/panic.h"
#include "runtime/loop.h"
#include "runtime/poller.h"
#include "runtime/sim/descriptor.h"

#define DESCRIPTORS_MAX 4096u
#define WALL_MS_AT_0    1790000000000 /* in the year 2026 */

static struct descriptor *descriptors[DESCRIPTORS_MAX];
static uint32_t open_count, open_max, highest;
static struct descriptor *told[DESCRIPTORS_MAX]; /* of the turn in progress */
static uint32_t told_count;

/* --- Descriptors ------------------------------------------------------------------------------ */

void descriptors_open(void)
{
    ASSERT(open_count == 0);
    open_max = DESCRIPTORS_MAX;
    highest = 0;
}

void descriptors_close(void)
{
    ASSERT(open_count == 0); /* a descriptor is left open */
    memset(descriptors, 0, sizeof descriptors);
}

void descriptor_limit(uint32_t count_max)
{
    open_max = count_max < DESCRIPTORS_MAX ? count_max : DESCRIPTORS_MAX;
}

uint32_t descriptor_count(void)
{
    return open_count;
}

uint32_t descriptor_count_max(void)
{
    return open_max;
}

int descriptor_open(struct descriptor *d, uint32_t (*events)(struct descriptor *))
{
    if (simulation_fails() || open_count >= open_max)
        return -EMFILE;
    uint32_t place = 0;
    while (descriptors[place])
        place++;
    *d = (struct descriptor){ .fd = DESCRIPTOR_FIRST + (int)place, .events = events };
    descriptors[place] = d;
    open_count++;
    highest = place >= highest ? place + 1 : highest;
    return 0;
}

static void untell(const struct descriptor *d)
{
    for (uint32_t i = 0; i < told_count; i++)
        if (told[i] == d)
            told[i] = NULL;
}

void descriptor_close(struct descriptor *d)
{
    ASSERT(descriptor_of(d->fd) == d);
    ASSERT(!d->watcher); /* pollable_close comes first */
    untell(d);
    descriptors[d->fd - DESCRIPTOR_FIRST] = NULL;
    open_count--;
    d->fd = -1;
}

struct descriptor *descriptor_of(int fd)
{
    ASSERT(fd >= DESCRIPTOR_FIRST && fd < DESCRIPTOR_FIRST + (int)DESCRIPTORS_MAX);
    struct descriptor *d = descriptors[fd - DESCRIPTOR_FIRST];
    ASSERT(d != NULL); /* a descriptor that has been closed */
    return d;
}

void descriptor_wake(struct descriptor *d)
{
    d->woken = true;
}

/* --- The poller ------------------------------------------------------------------------------- */

int poller_open(void)
{
    return simulation_fails() ? -EMFILE : 0;
}

void poller_close(void)
{
}

int poller_add(struct pollable *p, bool level)
{
    struct descriptor *d = descriptor_of(p->fd);
    ASSERT(!d->watcher);
    if (simulation_fails())
        return -ENOSPC;
    d->watcher = p;
    d->level = level;
    d->woken = true; /* what is ready now is an edge */
    return 0;
}

void poller_remove(struct pollable *p, bool forget)
{
    struct descriptor *d = descriptor_of(p->fd);
    ASSERT(d->watcher == p);
    d->watcher = NULL;
    d->forgotten = forget; /* epoll would still tell of it: it must be closed in this turn */
    untell(d);
}

static uint32_t events_of(struct descriptor *d)
{
    uint32_t interest = d->level ? SIMULATED_IN | SIMULATED_HUP | SIMULATED_ERR : UINT32_MAX;
    return d->watcher ? d->events(d) & interest : 0;
}

/* What epoll has to tell, in an order of chance. */
static void look(void)
{
    told_count = 0;
    for (uint32_t i = 0; i < highest; i++) {
        struct descriptor *d = descriptors[i];
        if (!d)
            continue;
        ASSERT(!d->forgotten);
        if (!d->level && !d->woken)
            continue;
        if (!events_of(d)) {
            d->woken = false;
            continue;
        }
        uint32_t place = (uint32_t)simulation_below(++told_count);
        told[told_count - 1] = told[place];
        told[place] = d;
    }
}

static void deliver(struct descriptor *d)
{
    uint32_t events = events_of(d);
    uint8_t ready = 0;
    d->woken = false;
    if (!events)
        return; /* it was served meanwhile */
    if (events & (SIMULATED_IN | SIMULATED_RDHUP | SIMULATED_HUP | SIMULATED_ERR))
        ready |= POLL_READ;
    if (events & (SIMULATED_OUT | SIMULATED_HUP | SIMULATED_ERR))
        ready |= POLL_WRITE;
    simulation_note((uint64_t)d->fd << 8 | events);
    pollable_note(d->watcher, ready,
                  (events & (SIMULATED_RDHUP | SIMULATED_HUP | SIMULATED_ERR)) != 0,
                  (events & (SIMULATED_HUP | SIMULATED_ERR)) != 0);
}

/* Sleeps until something is ready or it is time. 0 · -EDEADLK nothing will ever happen again */
static int sleep_until(int64_t until_us)
{
    simulation_happen();
    for (look(); told_count == 0; look()) {
        int64_t next_us = simulation_next_us();
        if (next_us == INT64_MAX && until_us == INT64_MAX)
            return -EDEADLK;
        simulation_go_to(next_us < until_us ? next_us : until_us);
        if (next_us > until_us)
            break;
        simulation_happen();
    }
    return 0;
}

int poller_wait(int64_t timeout_ms)
{
    int64_t now_us = simulation_now_us();
    simulation_go_to(now_us + (int64_t)simulation_skewed(2000)); /* the turn took that long */
    TRY(sleep_until(timeout_ms < 0 ? INT64_MAX : now_us + timeout_ms * 1000));
    loop_turn_begins();
    if (told_count > 1 && simulation_chance(50))
        told_count = 1 + (uint32_t)simulation_below(told_count);
    for (uint32_t i = 0; i < told_count; i++)
        if (told[i])
            deliver(told[i]);
    told_count = 0;
    return 0;
}

int64_t poller_clock_ns(void)
{
    return simulation_now_us() * 1000;
}

int64_t poller_wall_ms(void)
{
    return WALL_MS_AT_0 + simulation_now_us() / 1000;
}
