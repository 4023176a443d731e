/* For tests: the most steps that lie between two pauses of a work, for those who may not hold up
 * the worker for longer than about WORK_PAUSE_STEPS. */
#pragma once

#include "base/test.h"
#include "waf/work.h"

struct stretches {
    struct work *work;
    uint64_t paused_at, longest;
    size_t pauses;
};

static inline bool stretches_pause(void *context)
{
    struct stretches *s = context;
    uint64_t steps = s->work->spent - s->paused_at;
    s->longest = steps > s->longest ? steps : s->longest;
    s->paused_at = s->work->spent;
    s->pauses++;
    return true;
}

/* From now on; the work has been opened, and nothing has been spent. */
static inline void stretches_watch(struct stretches *s, struct work *work)
{
    *s = (struct stretches){ .work = work };
    work->pause = stretches_pause;
    work->context = s;
}

/* Some of it must have been paused, and no stretch be longer than a block and the one that was
 * about to end. */
static inline void stretches_check(const struct stretches *s, const char *what)
{
    if (s->pauses == 0 || s->longest > WORK_PAUSE_STEPS + WORK_BLOCK)
        fail_msg("%s: %llu steps between two of %zu pauses", what, (unsigned long long)s->longest,
                 s->pauses);
}
