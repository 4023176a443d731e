#include "shared/counters.h"

#include <assert.h>
#include <sched.h>
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
static uint64_t hash_of(slice name)
{
    static const struct siphash_key key = { 1, 2 };
    return siphash(&key, name.ptr, name.len) | 1; /* never 0: that is an empty row */
}

/* The row with this hash, or the free one where it belongs; count - 1, the row of all others, when
 * there is neither. */
static uint32_t find(const struct counter_row *rows, uint32_t count, uint64_t hash)
{
    uint32_t usable = count - 1;
    for (uint32_t i = 0; i < usable; i++) {
        uint32_t row = (uint32_t)((hash + i) % usable);
        uint64_t there = __atomic_load_n(&rows[row].hash, __ATOMIC_ACQUIRE);
        if (there == hash || there == 0)
            return row;
    }
    return usable;
}

static uint32_t claim(struct counter_row *rows, uint32_t count, slice name, uint64_t generation)
{
    uint64_t hash = hash_of(name);
    uint32_t index = find(rows, count, hash);
    struct counter_row *row = &rows[index];
    if (index == count - 1)
        return index;
    row->generation = generation;
    if (row->hash == hash)
        return index;
    slice kept = slice_first(name, sizeof row->name - 1);
    memcpy(row->name, kept.ptr, kept.len);
    row->name[kept.len] = '\0';
    __atomic_store_n(&row->hash, hash, __ATOMIC_RELEASE);
    return index;
}

uint32_t counters_site_row(struct counters *c, slice name, uint64_t generation)
{
    return claim(c->site_rows, COUNTER_SITES_MAX, name, generation);
}

uint32_t counters_server_row(struct counters *c, slice name, uint64_t generation)
{
    return claim(c->server_rows, COUNTER_SERVERS_MAX, name, generation);
}

uint32_t counters_reason_row(struct counters *c, slice name, uint64_t generation)
{
    return claim(c->reason_rows, COUNTER_REASONS_MAX, name, generation);
}

uint32_t counters_find_reason(const struct counter_row *rows, slice name)
{
    uint64_t hash = hash_of(name);
    uint32_t row = rows ? find(rows, COUNTER_REASONS_MAX, hash) : COUNTER_REASONS_MAX - 1;
    return rows && rows[row].hash == hash ? row : COUNTER_REASONS_MAX - 1;
}

const char *log_channel_name(enum log_channel c)
{
    static const char *const names[] = { "requests", "security", "rules", "audit" };
    return names[c];
}

const char *rule_verdict_name(enum rule_verdict v)
{
    static const char *const names[] = { "refused", "would-refuse", "noticed" };
    return names[v];
}

/* How many rows are looked at: what a full table costs. */
#define PROBES_MAX 64u

static uint64_t rule_number(struct rule_key key)
{
    return 1ull << 63 | (uint64_t)key.is_shadow << 62 | (uint64_t)(key.site & 0x3fffffff) << 32 |
           key.rule;
}

uint32_t counters_rule_row(_Atomic uint64_t *rows, struct rule_key key)
{
    uint64_t number = rule_number(key), usable = COUNTER_RULES_MAX - 1;
    uint64_t start = hash_of(slice_of((const char *)&number, sizeof number));
    for (uint64_t i = 0; i < PROBES_MAX; i++) {
        uint32_t row = (uint32_t)((start + i) % usable);
        uint64_t there = atomic_load_explicit(&rows[row], memory_order_relaxed);
        if (there == 0 && atomic_compare_exchange_strong(&rows[row], &there, number))
            return row;
        if (there == number)
            return row;
    }
    return (uint32_t)usable;
}

bool counters_rule_of(const _Atomic uint64_t *rows, uint32_t row, struct rule_key *ret)
{
    uint64_t number = atomic_load_explicit(&rows[row], memory_order_relaxed);
    *ret = (struct rule_key){ .site = number >> 32 & 0x3fffffff,
                              .rule = (uint32_t)number,
                              .is_shadow = number >> 62 & 1 };
    return number != 0;
}

/* Both blocks consist of 64-bit counters only. */
static_assert(sizeof(struct worker_counters) % sizeof(uint64_t) == 0, "counters are 64 bits wide");

static void clear_gauges(struct worker_counters *w)
{
    memset(w, 0, offsetof(struct worker_counters, connections_accepted));
    for (uint32_t i = 0; i < COUNTER_SERVERS_MAX; i++)
        w->servers[i].in_flight = w->servers[i].idle = 0;
}

void counters_retire(struct counters *c, uint32_t slot)
{
    struct worker_counters *from = &c->workers[slot];
    uint64_t *to = (uint64_t *)&c->retired;
    atomic_fetch_add(&c->retiring, 1);
    clear_gauges(from);
    const uint64_t *values = (const uint64_t *)from;
    for (size_t i = 0; i < sizeof *from / sizeof *values; i++)
        if (values[i]) /* several generations may retire workers at once */
            __atomic_fetch_add(&to[i], values[i], __ATOMIC_RELAXED);
    memset(from, 0, sizeof *from);
    atomic_fetch_add(&c->retirements, 1);
    atomic_fetch_sub(&c->retiring, 1);
}

static void sum_once(const struct counters *c, struct worker_counters *ret)
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

/* How often a reader that was disturbed begins again: whoever was moving a block may have died over
 * it, and is not waited for without end. */
#define TRIES_MAX 20

static bool was_steady(const struct counters *c, uint64_t retirements)
{
    if (atomic_load(&c->retiring) == 0 && atomic_load(&c->retirements) == retirements)
        return true;
    (void)sched_yield();
    return false;
}

void counters_sum(const struct counters *c, struct worker_counters *ret)
{
    uint64_t before;
    int tries = 0;
    do {
        before = atomic_load(&c->retirements);
        sum_once(c, ret);
    } while (!was_steady(c, before) && ++tries < TRIES_MAX);
}

static uint64_t drops_of(const struct worker_counters *w)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < LOG_CHANNELS; i++)
        total += __atomic_load_n(&w->logs[i].dropped, __ATOMIC_RELAXED);
    return total;
}

uint64_t counters_log_drops(const struct counters *c, uint32_t slots)
{
    uint64_t before, total;
    int tries = 0;
    do {
        before = atomic_load(&c->retirements);
        total = drops_of(&c->retired);
        for (uint32_t slot = 0; slot < slots && slot < WORKER_SLOTS_MAX; slot++)
            total += drops_of(&c->workers[slot]);
    } while (!was_steady(c, before) && ++tries < TRIES_MAX);
    return total;
}
