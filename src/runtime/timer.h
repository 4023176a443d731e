/* Timers on the loop's one hierarchical wheel, in milliseconds. Setting, moving and clearing are
 * O(1); moving a timer later is free (it is re-armed when it would have fired). A timer fires at or
 * after its time, never before. The owner keeps the memory until it has cleared the timer. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct timer {
    struct list link;
    int64_t when_ms;              /* what is wanted; NEVER when not set */
    int64_t armed_ms;             /* where it sits in the wheel */
    void (*fire)(struct timer *); /* MUST_NOT_WAIT */
};

void timer_init(struct timer *t, void (*fire)(struct timer *));
void timer_set(struct timer *t, int64_t when_ms); /* NEVER clears it */
void timer_clear(struct timer *t);
