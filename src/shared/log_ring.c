#include "shared/log_ring.h"

#include <assert.h>
#include <unistd.h>

#include "base/panic.h"

/* In front of every line. A record never wraps: what does not fit behind the last one is skipped.
 */
struct record {
    uint32_t bytes; /* of the line; SKIP: nothing follows until the ring's end */
    uint16_t sink;
    uint16_t unused;
};

#define SKIP      UINT32_MAX
#define ALIGNMENT 8u

static_assert(LOG_RING_BYTES % ALIGNMENT == 0, "a record's head never stands across the end");

static uint64_t record_bytes(uint32_t line)
{
    return (sizeof(struct record) + line + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
}

void log_ring_open(struct log_ring *r, struct log_rings *all, uint32_t slot, int wake_fd)
{
    ASSERT(slot < WORKER_SLOTS_MAX);
    *r = (struct log_ring){ .shared = &all->rings[slot], .all = all, .wake_fd = wake_fd };
}

static struct record *record_at(struct log_ring_shared *r, uint64_t position)
{
    return (struct record *)(void *)(r->data + position % LOG_RING_BYTES);
}

uint64_t log_ring_used(const struct log_ring *r)
{
    return atomic_load_explicit(&r->shared->head, memory_order_relaxed) -
           atomic_load_explicit(&r->shared->tail, memory_order_acquire);
}

char *log_ring_reserve(struct log_ring *r, uint32_t bytes_max)
{
    struct log_ring_shared *s = r->shared;
    uint64_t head = atomic_load_explicit(&s->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&s->tail, memory_order_acquire);
    uint64_t need = record_bytes(bytes_max);
    uint64_t to_end = LOG_RING_BYTES - head % LOG_RING_BYTES;
    uint64_t skipped = to_end < need ? to_end : 0;
    ASSERT(bytes_max <= LOG_RECORD_BYTES_MAX);
    if (head - tail + skipped + need > LOG_RING_BYTES)
        return NULL;
    if (skipped)
        *record_at(s, head) = (struct record){ .bytes = SKIP };
    r->reserved_at = head + skipped;
    r->reserved = bytes_max;
    return (char *)(record_at(s, r->reserved_at) + 1);
}

static void wake(const struct log_ring *r)
{
    uint64_t one = 1;
    if (r->wake_fd >= 0 && write(r->wake_fd, &one, sizeof one) < 0)
        return; /* its counter is full: it is awake */
}

void log_ring_commit(struct log_ring *r, uint32_t bytes, uint16_t sink)
{
    struct log_ring_shared *s = r->shared;
    ASSERT(bytes <= r->reserved);
    *record_at(s, r->reserved_at) = (struct record){ .bytes = bytes, .sink = sink };
    uint64_t before = atomic_load_explicit(&s->head, memory_order_relaxed);
    uint64_t after = r->reserved_at + record_bytes(bytes);
    uint64_t tail = atomic_load_explicit(&s->tail, memory_order_relaxed);
    r->reserved = 0;
    atomic_store_explicit(&s->head, after, memory_order_seq_cst);
    /* Sleeping for good, or resting while the ring passes the half: both want to know. */
    if (atomic_load_explicit(&r->all->logger_sleeps, memory_order_seq_cst) ||
        (before - tail < LOG_RING_BYTES / 2 && after - tail >= LOG_RING_BYTES / 2))
        wake(r);
}

/* The reader trusts nothing: positions and lengths are checked against the ring before use. */
bool log_ring_peek(struct log_ring_shared *r, slice *ret_line, uint16_t *ret_sink)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    for (int passes = 0; passes < 2 && head != tail; passes++) {
        if (head - tail > LOG_RING_BYTES || head % ALIGNMENT || tail % ALIGNMENT)
            break;
        struct record record = *record_at(r, tail);
        if (record.bytes == SKIP) {
            tail += LOG_RING_BYTES - tail % LOG_RING_BYTES;
            atomic_store_explicit(&r->tail, tail, memory_order_release);
            continue;
        }
        uint64_t to_end = LOG_RING_BYTES - tail % LOG_RING_BYTES;
        if (record.bytes > LOG_RECORD_BYTES_MAX || record_bytes(record.bytes) > to_end ||
            record_bytes(record.bytes) > head - tail)
            break;
        *ret_line = slice_of((const char *)(record_at(r, tail) + 1), record.bytes);
        *ret_sink = record.sink;
        return true;
    }
    if (head != tail)
        atomic_store_explicit(&r->tail, head & ~(uint64_t)(ALIGNMENT - 1), memory_order_release);
    return false;
}

void log_ring_release(struct log_ring_shared *r)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint32_t bytes = record_at(r, tail)->bytes;
    if (bytes > LOG_RECORD_BYTES_MAX) /* changed since the peek: give up what is there */
        tail = atomic_load_explicit(&r->head, memory_order_acquire) & ~(uint64_t)(ALIGNMENT - 1);
    else
        tail += record_bytes(bytes);
    atomic_store_explicit(&r->tail, tail, memory_order_release);
}
