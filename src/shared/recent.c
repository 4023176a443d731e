#include "shared/recent.h"

#include <assert.h>

#include "base/panic.h"

/* In front of every record, which never wraps: what does not fit behind the last one is skipped. */
struct frame {
    uint32_t bytes; /* of the record; SKIP: nothing follows until the ring's end */
    uint32_t unused;
};

#define SKIP      UINT32_MAX
#define ALIGNMENT 8u

static_assert(RECENT_RING_BYTES % ALIGNMENT == 0, "a frame never stands across the end");
static_assert(2 * RECENT_RECORD_BYTES_MAX + 4 * ALIGNMENT < RECENT_RING_BYTES,
              "a record fits, also behind what is skipped at the end");

static uint64_t frame_bytes(uint32_t record)
{
    return (sizeof(struct frame) + record + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
}

static uint64_t to_end(uint64_t position)
{
    return RECENT_RING_BYTES - position % RECENT_RING_BYTES;
}

static struct frame read_frame(const char *ring, uint64_t position)
{
    struct frame f;
    memcpy(&f, ring + position % RECENT_RING_BYTES, sizeof f);
    return f;
}

static void write_frame(char *ring, uint64_t position, uint32_t bytes)
{
    struct frame f = { .bytes = bytes };
    memcpy(ring + position % RECENT_RING_BYTES, &f, sizeof f);
}

/* Bytes from a frame to the next one; 0: it makes no sense, or reaches beyond `end`. */
static uint64_t step(const char *ring, uint64_t position, uint64_t end)
{
    struct frame f = read_frame(ring, position);
    uint64_t length = f.bytes == SKIP                      ? to_end(position)
                      : f.bytes <= RECENT_RECORD_BYTES_MAX ? frame_bytes(f.bytes)
                                                           : 0;
    return length <= to_end(position) && length <= end - position ? length : 0;
}

/* --- The worker ------------------------------------------------------------------------------- */

/* What another worker has left in the slot is believed as far as it makes sense. */
void recent_open(struct recent *r, struct recent_segment *all, uint32_t slot)
{
    ASSERT(slot < WORKER_SLOTS_MAX);
    *r = (struct recent){ .position = &all->positions[slot], .ring = all->rings[slot] };
    r->head = atomic_load_explicit(&r->position->head, memory_order_relaxed);
    r->tail = atomic_load_explicit(&r->position->tail, memory_order_relaxed);
    if (r->head % ALIGNMENT || r->tail % ALIGNMENT || r->head - r->tail > RECENT_RING_BYTES) {
        r->head = r->tail = 0;
        atomic_store_explicit(&r->position->tail, 0, memory_order_relaxed);
        atomic_store_explicit(&r->position->head, 0, memory_order_release);
    }
}

/* The oldest records give way until there is room up to `end`. */
static void make_room(struct recent *r, uint64_t end)
{
    uint64_t tail = r->tail;
    while (end - tail > RECENT_RING_BYTES) {
        uint64_t length = tail == r->head ? 0 : step(r->ring, tail, r->head);
        tail = length ? tail + length : r->head;
    }
    if (tail == r->tail)
        return;
    r->tail = tail;
    __builtin_prefetch(r->ring + tail % RECENT_RING_BYTES); /* the next one to give way */
    atomic_store_explicit(&r->position->tail, tail, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* seen before what is written from here on */
}

char *recent_reserve(struct recent *r, uint32_t bytes_max)
{
    uint64_t need = frame_bytes(bytes_max);
    uint64_t skipped = to_end(r->head) < need ? to_end(r->head) : 0;
    ASSERT(bytes_max <= RECENT_RECORD_BYTES_MAX);
    make_room(r, r->head + skipped + need);
    if (skipped)
        write_frame(r->ring, r->head, SKIP);
    r->reserved_at = r->head + skipped;
    r->reserved = bytes_max;
    return r->ring + r->reserved_at % RECENT_RING_BYTES + sizeof(struct frame);
}

void recent_commit(struct recent *r, uint32_t bytes)
{
    ASSERT(bytes <= r->reserved);
    write_frame(r->ring, r->reserved_at, bytes);
    r->head = r->reserved_at + frame_bytes(bytes);
    r->reserved = 0;
    atomic_store_explicit(&r->position->head, r->head, memory_order_release);
}

/* --- Readers ---------------------------------------------------------------------------------- */

static bool is_before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

void recent_walk_open(struct recent_walk *w, const struct recent_segment *all, uint32_t slot)
{
    ASSERT(slot < WORKER_SLOTS_MAX);
    *w = (struct recent_walk){ .position = &all->positions[slot], .ring = all->rings[slot] };
    w->at = atomic_load_explicit(&w->position->tail, memory_order_acquire);
    w->end = atomic_load_explicit(&w->position->head, memory_order_acquire);
    /* What the worker writes meanwhile only makes the walk shorter. */
    if (w->at % ALIGNMENT || w->end % ALIGNMENT || is_before(w->end, w->at))
        w->at = w->end;
    if (w->end - w->at > RECENT_RING_BYTES)
        w->at = w->end - RECENT_RING_BYTES; /* of two reads apart, or nonsense: validated anyway */
}

/* Has what stands at w->at been overwritten? Then on to what has not: every turn of a loop that
 * asks comes nearer to the end. */
static bool is_overtaken(struct recent_walk *w)
{
    uint64_t tail = atomic_load_explicit(&w->position->tail, memory_order_relaxed);
    if (!is_before(w->at, tail))
        return false;
    w->at = tail % ALIGNMENT || is_before(w->end, tail) ? w->end : tail;
    return true;
}

bool recent_walk_read(struct recent_walk *w, char *to, uint32_t room, uint32_t *ret_bytes)
{
    while (w->at != w->end) {
        uint64_t at = w->at, length = step(w->ring, at, w->end);
        struct frame f = read_frame(w->ring, at);
        bool is_record = f.bytes <= RECENT_RECORD_BYTES_MAX && length == frame_bytes(f.bytes);
        if (is_record)
            memcpy(to, w->ring + at % RECENT_RING_BYTES + sizeof f,
                   f.bytes < room ? f.bytes : room);
        atomic_thread_fence(memory_order_acquire);
        if (is_overtaken(w))
            continue;
        if (is_record) {
            *ret_bytes = f.bytes;
            return true;
        }
        w->at = f.bytes == SKIP && length ? at + length : w->end;
    }
    return false;
}

void recent_walk_pass(struct recent_walk *w, uint32_t bytes)
{
    uint64_t length = frame_bytes(bytes);
    w->at = length > w->end - w->at ? w->end : w->at + length;
}
