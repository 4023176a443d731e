/* Which server a request goes to, and the wait for a place under `max`. */
#include <errno.h>

#include "base/random.h"
#include "proxy/client.h"
#include "proxy/upstream_state.h"

/* How often the first of a queue looks again: another worker's release cannot wake us. Two workers
 * that got into each other's way do not look again at the same moment. */
#define QUEUE_LOOK_MS        10
#define QUEUE_LOOK_SPREAD_MS 10

/* An exchange that waits in its origin's queue; on its fiber's stack. */
struct waiter {
    struct list link;
    struct fiber *fiber;
};

static uint64_t *in_flight_of(const struct server *s, uint32_t slot)
{
    return &gate.shared.counters[slot].servers[s->counter_row].in_flight;
}

/* Exchanges that have a place at this server, over all workers. */
static uint64_t places_taken(const struct server *s)
{
    uint64_t taken = 0;
    for (uint32_t slot = 0; slot < gate_slots_in_use(); slot++)
        taken += __atomic_load_n(in_flight_of(s, slot), __ATOMIC_SEQ_CST);
    return taken;
}

/* Whether one more than `taken` is within `max`. Servers without a row of their own are counted by
 * this worker alone, against its share. */
static bool has_room(const struct server *s)
{
    if (s->max == 0)
        return true;
    if (s->counter_row != COUNTER_SERVERS_MAX - 1)
        return places_taken(s) < s->max;
    uint32_t share = s->max / gate_slots_in_use();
    return upstream_state_of(s)->in_flight < (share ? share : 1);
}

static void leave(const struct server *s)
{
    uint64_t *own = in_flight_of(s, gate.shared.slot);
    __atomic_store_n(own, *own - 1, __ATOMIC_RELEASE);
    upstream_state_of(s)->in_flight--;
}

/* Takes a place under `max`. It is taken first and counted then, so that of two workers which do
 * this at once at least one sees the other: the limit is exact. False: no place was free. */
static bool enter(const struct server *s)
{
    uint64_t *own = in_flight_of(s, gate.shared.slot);
    if (s->max == 0 || s->counter_row == COUNTER_SERVERS_MAX - 1) {
        *own += 1;
        upstream_state_of(s)->in_flight++;
        return true;
    }
    __atomic_store_n(own, *own + 1, __ATOMIC_SEQ_CST);
    upstream_state_of(s)->in_flight++;
    if (places_taken(s) <= s->max)
        return true;
    leave(s);
    return false;
}

/* Smooth weighted round robin: each gains its weight, the richest is chosen and pays the sum.
 * not_these: a bit for each server that is no candidate. */
static const struct server *choose(const struct origin *o, uint64_t not_these)
{
    const struct server *best = NULL;
    int32_t total = 0;
    for (uint32_t i = 0; i < o->server_count && i < SERVERS_TRIED_MAX; i++) {
        const struct server *s = &o->servers[i];
        if ((not_these & (1ull << i)) || !has_room(s))
            continue;
        struct server_state *state = upstream_state_of(s);
        state->credit += (int32_t)s->weight;
        total += (int32_t)s->weight;
        if (!best || state->credit > upstream_state_of(best)->credit)
            best = s;
    }
    if (best)
        upstream_state_of(best)->credit -= total;
    return best;
}

/* A server with its place taken; NULL: all but `not_these` are at their `max`. */
static const struct server *take_place(const struct origin *o, uint64_t not_these)
{
    const struct server *s;
    while ((s = choose(o, not_these)) && !enter(s))
        not_these |= upstream_bit_of(s, o); /* another worker was faster */
    return s;
}

static void wake_first(struct origin_state *state)
{
    if (!list_is_empty(&state->queue))
        fiber_wake(LIST_ENTRY(state->queue.next, struct waiter, link)->fiber);
}

/* The next look of the first in the queue; the others wait until they are the first. */
static int64_t look_deadline(bool is_first, int64_t until_ms)
{
    int64_t look_ms =
        loop_now_ms() + QUEUE_LOOK_MS + (int64_t)(random_number() % QUEUE_LOOK_SPREAD_MS);
    return is_first && look_ms < until_ms ? look_ms : until_ms;
}

static int wait_in_queue(struct origin_state *state, const struct origin *o, uint64_t tried,
                         int64_t until_ms, const struct server **ret)
{
    struct waiter w = { .fiber = fiber_current() };
    int result = 0;
    list_push_back(&state->queue, &w.link);
    state->waiting++;
    for (*ret = NULL; !*ret && result == 0;) {
        bool is_first = state->queue.next == &w.link;
        if (is_first && (*ret = take_place(o, tried)))
            break;
        result = fiber_wait(look_deadline(is_first, until_ms));
        if (result == -ETIMEDOUT && loop_now_ms() < until_ms)
            result = 0;
    }
    list_remove(&w.link);
    state->waiting--;
    wake_first(state); /* there may be room for more than one */
    return result;
}

int upstream_find_place(struct exchange *x, const struct origin *o, uint64_t tried,
                        const struct server **ret)
{
    struct origin_state *state = upstream_queue_of(o);
    bool must_wait = tried == 0 && state->waiting > 0; /* who has had a turn does not queue again */
    *ret = must_wait ? NULL : take_place(o, tried);
    if (*ret)
        return 0;
    if (state->waiting >= o->queue_max)
        return exchange_refuse(x, FAULT_POLICY, 503, "origin.queue-full",
                               "all servers are at their `max` and the queue is full");
    client_watch(x);
    int result = wait_in_queue(state, o, tried, exchange_deadline(x, o->queue_ms), ret);
    if (result != -ETIMEDOUT)
        return result;
    if (exchange_is_over(x))
        return exchange_refuse_total(x, FAULT_UPSTREAM);
    return exchange_refuse(x, FAULT_POLICY, 503, "origin.queue-timeout",
                           "all servers stayed at their `max` for as long as `queue` allows");
}

void upstream_leave_place(const struct server *s, const struct origin *o)
{
    leave(s);
    wake_first(upstream_queue_of(o));
}
