#include "control/log_drain.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/log_sink.h"

#define LINES_PER_PASS                                                                             \
    4096u /* of one ring: the others have their turn, and the sinks are written */

static struct shared_memory *memory;
static struct log_sink sinks[SINKS_MAX];
static uint64_t drops_reported;
static int64_t grace_until_ms;
static bool holds_back; /* in the last pass */

static uint64_t count_drops(void)
{
    return counters_log_drops(memory->counters, atomic_load(&memory->clients->slots_in_use));
}

static void count_what_was_left(void)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < SINKS_MAX; i++) {
        struct sink_entry *e = &memory->sinks->sinks[i];
        uint64_t accounted = e->lines + e->failures;
        uint64_t lost = e->taken > accounted ? e->taken - accounted : 0;
        e->failures += lost;
        total += lost;
    }
    if (total)
        log_warn("%llu log lines were lost with the logger before this one",
                 (unsigned long long)total);
}

void log_drain_open(struct shared_memory *m, int64_t grace_ms)
{
    memory = m;
    grace_until_ms = clock_monotonic_ms() + grace_ms;
    for (uint32_t i = 0; i < SINKS_MAX; i++)
        log_sink_open(&sinks[i]);
    count_what_was_left();
    drops_reported = count_drops();
}

void log_drain_close(void)
{
    for (uint32_t i = 0; i < SINKS_MAX; i++)
        log_sink_close(&sinks[i], &memory->sinks->sinks[i]);
}

void log_drain_take_sink(int64_t id, int fd)
{
    if (id >= 0 && id < (int64_t)SINKS_MAX)
        log_sink_take(&sinks[id], &memory->sinks->sinks[id], fd);
    else
        close(fd);
}

/* Whoever takes a dead logger's place finds full rings before it is given its files: lines wait
 * there for a moment, instead of being lost here. */
static bool comes_soon(uint16_t sink)
{
    bool soon = sink < SINKS_MAX && sinks[sink].fd < 0 && clock_monotonic_ms() < grace_until_ms;
    holds_back = holds_back || soon;
    return soon;
}

static uint32_t drain_ring(struct log_ring_shared *ring)
{
    uint32_t lines = 0;
    slice line;
    uint16_t sink;
    while (lines < LINES_PER_PASS && log_ring_peek(ring, &line, &sink) && !comes_soon(sink)) {
        if (sink < SINKS_MAX && memory->sinks->sinks[sink].is_set && line.len)
            log_sink_append(&sinks[sink], &memory->sinks->sinks[sink], line);
        log_ring_release(ring);
        lines++;
    }
    return lines;
}

bool log_drain_pass(bool *ret_more)
{
    uint32_t slots = atomic_load(&memory->clients->slots_in_use);
    bool any = false;
    *ret_more = holds_back = false;
    for (uint32_t slot = 0; slot < slots && slot < WORKER_SLOTS_MAX; slot++) {
        uint32_t lines = drain_ring(&memory->rings->rings[slot]);
        any = any || lines > 0;
        *ret_more = *ret_more || lines == LINES_PER_PASS;
    }
    for (uint32_t i = 0; i < SINKS_MAX; i++) {
        log_sink_flush(&sinks[i], &memory->sinks->sinks[i]);
        sinks[i].is_stuck = false;
    }
    return any;
}

bool log_drain_waits(void)
{
    if (holds_back)
        return true;
    for (uint32_t i = 0; i < SINKS_MAX; i++)
        if (log_sink_waits(&sinks[i]))
            return true;
    return false;
}

bool log_drain_report(void)
{
    bool told = false;
    for (uint32_t i = 0; i < SINKS_MAX; i++)
        told = log_sink_report(&sinks[i], &memory->sinks->sinks[i]) || told;
    uint64_t drops = count_drops();
    if (drops <= drops_reported)
        return told;
    log_warn("%llu log lines were dropped by the workers: the logger did not keep up",
             (unsigned long long)(drops - drops_reported));
    drops_reported = drops;
    return true;
}
