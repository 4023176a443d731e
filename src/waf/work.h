/* The account of what one transaction costs the worker.
 *
 * A step is about one byte looked at once. Whoever loops over what a stranger sent spends as it
 * goes, at the latest every WORK_BLOCK steps; every WORK_PAUSE_STEPS the caller of the engine is
 * asked whether to go on, and may let others run meanwhile (the proxy gives way with its fiber). So
 * the engine is straight-line code and still holds nobody up. */
#pragma once

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORK_BLOCK = 16384, WORK_PAUSE_STEPS = 32768 };

struct work {
    size_t until_pause;
    uint64_t spent;               /* steps so far, as of the last pause */
    uint64_t limit;               /* 0: none */
    bool (*pause)(void *context); /* false: stop, nobody wants the answer; NULL: never pauses */
    void *context;
};

/* limit in steps, 0 for none; pause may be NULL. */
void work_open(struct work *w, uint64_t limit, bool (*pause)(void *context), void *context);

/* So many steps more than the limit until now. */
static inline void work_grant(struct work *w, uint64_t steps)
{
    w->limit += steps;
}

/* What has been spent until now. */
uint64_t work_spent(const struct work *w);

MUST_CHECK int work_settle(struct work *w, size_t steps);

/* 0 · -EDQUOT the limit is spent · -ECANCELED the pause said no. May take as long as the pause
 * does. */
MUST_CHECK static inline int work_spend(struct work *w, size_t steps)
{
    if (steps < w->until_pause) {
        w->until_pause -= steps;
        return 0;
    }
    return work_settle(w, steps);
}

/* slice_find_byte, slice_trim and memcpy, which pay for what they look at. What they return is of
 * work_spend. */
MUST_CHECK int work_find_byte(struct work *w, slice s, char byte, size_t *ret_at);
MUST_CHECK int work_trim(struct work *w, slice s, slice *ret);
MUST_CHECK int work_copy(struct work *w, char *to, slice from);
