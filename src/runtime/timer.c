#include "runtime/timer.h"

#include "base/panic.h"
#include "runtime/loop.h"
#include "runtime/timer_wheel.h"

#define LEVELS     4
#define SLOT_BITS  8
#define SLOTS      (1u << SLOT_BITS)
#define SLOT_WORDS (SLOTS / 64)

static struct list wheel[LEVELS][SLOTS];
static uint64_t used[LEVELS][SLOT_WORDS]; /* slots that may hold a timer */
static int64_t wheel_now;                 /* everything up to here has fired */

void timer_wheel_open(int64_t now_ms)
{
    for (int level = 0; level < LEVELS; level++) {
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            list_open(&wheel[level][slot]);
        for (uint32_t word = 0; word < SLOT_WORDS; word++)
            used[level][word] = 0;
    }
    wheel_now = now_ms;
}

void timer_init(struct timer *t, void (*fire)(struct timer *))
{
    *t = (struct timer){ .when_ms = NEVER, .armed_ms = NEVER, .fire = fire };
}

/* The level whose slots can tell `when` from now, and the slot there. */
static void insert(struct timer *t, int64_t when)
{
    if (when <= wheel_now)
        when = wheel_now + 1;
    int64_t span_max = (int64_t)1 << (LEVELS * SLOT_BITS);
    if (when - wheel_now >= span_max)
        when = wheel_now + span_max - 1; /* looks again when it gets there */
    t->armed_ms = when;
    int level = 0;
    while (level < LEVELS - 1 &&
           (when >> ((level + 1) * SLOT_BITS)) != (wheel_now >> ((level + 1) * SLOT_BITS)))
        level++;
    uint32_t slot = (uint32_t)(when >> (level * SLOT_BITS)) & (SLOTS - 1);
    list_push_back(&wheel[level][slot], &t->link);
    used[level][slot / 64] |= 1ull << (slot % 64);
}

void timer_set(struct timer *t, int64_t when_ms)
{
    if (when_ms == NEVER) {
        timer_clear(t);
        return;
    }
    t->when_ms = when_ms;
    if (list_is_linked(&t->link)) {
        if (t->armed_ms <= when_ms)
            return; /* later: it is moved when it would have fired */
        list_remove(&t->link);
    }
    insert(t, when_ms);
}

void timer_clear(struct timer *t)
{
    t->when_ms = NEVER;
    list_remove(&t->link);
}

/* Takes a whole slot apart: timers fire, or move to where they now belong. */
static void open_slot(int level, uint32_t slot)
{
    struct list due;
    list_open(&due);
    struct list *head = &wheel[level][slot];
    used[level][slot / 64] &= ~(1ull << (slot % 64));
    if (list_is_empty(head))
        return;
    due = *head;
    due.next->previous = due.previous->next = &due;
    list_open(head);
    struct list *node;
    while ((node = list_pop_front(&due))) {
        struct timer *t = LIST_ENTRY(node, struct timer, link);
        if (t->when_ms <= wheel_now) {
            t->when_ms = NEVER;
            t->fire(t);
        } else {
            insert(t, t->when_ms);
        }
    }
}

/* The first used slot of a level at or after `from`; SLOTS when none. */
static uint32_t next_used(int level, uint32_t from)
{
    while (from < SLOTS) {
        uint64_t word = used[level][from / 64] >> (from % 64);
        if (word)
            return from + (uint32_t)__builtin_ctzll(word);
        from = (from / 64 + 1) * 64;
    }
    return SLOTS;
}

int64_t timer_wheel_next(void)
{
    for (int level = 0; level < LEVELS; level++) {
        int shift = level * SLOT_BITS;
        uint32_t at = (uint32_t)(wheel_now >> shift) & (SLOTS - 1);
        uint32_t slot = next_used(level, at + 1);
        if (slot < SLOTS) {
            int64_t block = wheel_now >> (shift + SLOT_BITS);
            return ((block << SLOT_BITS) | slot) << shift;
        }
    }
    /* the top level's slots wrap: what is behind us there is ahead */
    if (next_used(LEVELS - 1, 0) < SLOTS)
        return ((wheel_now >> (LEVELS * SLOT_BITS)) + 1) << (LEVELS * SLOT_BITS);
    return NEVER;
}

void timer_wheel_advance(int64_t now_ms)
{
    int64_t next;
    while ((next = timer_wheel_next()) <= now_ms) {
        wheel_now = next;
        for (int level = LEVELS - 1; level >= 0; level--) {
            int shift = level * SLOT_BITS;
            if (next & (((int64_t)1 << shift) - 1))
                continue; /* not at a border of this level */
            open_slot(level, (uint32_t)(next >> shift) & (SLOTS - 1));
        }
    }
    if (now_ms > wheel_now)
        wheel_now = now_ms;
}
