#include "shared/counters.h"

#include <assert.h>
#include <stddef.h>

#include "base/siphash.h"

void histogram_add(struct histogram *h, int64_t microseconds)
{
    static const int64_t bounds[] = HISTOGRAM_BOUNDS_US;
    uint32_t bucket = 0;
    while (bucket < ARRAY_LENGTH(bounds) && microseconds > bounds[bucket])
        bucket++;
    h->bucket[bucket]++;
    h->sum_us += microseconds > 0 ? (uint64_t)microseconds : 0;
}

/* Rows are claimed by one process at a time, the generation that loads; a fixed key will do: names
 * come from the configuration, not from strangers. */
static uint32_t claim(struct counter_row *rows, uint32_t count, slice name)
{
    static const struct siphash_key key = { 1, 2 };
    uint64_t hash = siphash(&key, name.ptr, name.len) | 1; /* never 0: that is an empty row */
    uint32_t usable = count - 1;                           /* the last is "other" */
    for (uint32_t i = 0; i < usable; i++) {
        struct counter_row *row = &rows[(hash + i) % usable];
        if (row->hash == hash)
            return (uint32_t)(row - rows);
        if (row->hash != 0)
            continue;
        slice kept = slice_first(name, sizeof row->name - 1);
        memcpy(row->name, kept.ptr, kept.len);
        row->name[kept.len] = '\0';
        __atomic_store_n(&row->hash, hash, __ATOMIC_RELEASE);
        return (uint32_t)(row - rows);
    }
    return usable;
}

uint32_t counters_site_row(struct counters *c, slice name)
{
    return claim(c->site_rows, COUNTER_SITES_MAX, name);
}

uint32_t counters_server_row(struct counters *c, slice name)
{
    return claim(c->server_rows, COUNTER_SERVERS_MAX, name);
}

/* Both blocks consist of 64-bit counters only. */
static_assert(sizeof(struct worker_counters) % sizeof(uint64_t) == 0, "counters are 64 bits wide");

static void clear_gauges(struct worker_counters *w)
{
    memset(w, 0, offsetof(struct worker_counters, connections_accepted));
    for (uint32_t i = 0; i < COUNTER_SERVERS_MAX; i++)
        w->servers[i].in_flight = 0;
}

void counters_retire(struct counters *c, uint32_t slot)
{
    struct worker_counters *from = &c->workers[slot];
    uint64_t *to = (uint64_t *)&c->retired;
    clear_gauges(from);
    const uint64_t *values = (const uint64_t *)from;
    for (size_t i = 0; i < sizeof *from / sizeof *values; i++)
        if (values[i]) /* several generations may retire workers at once */
            __atomic_fetch_add(&to[i], values[i], __ATOMIC_RELAXED);
    memset(from, 0, sizeof *from);
}

void counters_sum(const struct counters *c, struct worker_counters *ret)
{
    uint64_t *to = (uint64_t *)ret;
    *ret = c->retired;
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++) {
        const uint64_t *values = (const uint64_t *)&c->workers[slot];
        if (!c->workers[slot].connections_accepted && !c->workers[slot].requests)
            continue; /* never touched: reading would only map its pages */
        for (size_t i = 0; i < sizeof *ret / sizeof *values; i++)
            to[i] += __atomic_load_n(&values[i], __ATOMIC_RELAXED);
    }
}
