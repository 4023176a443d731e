#include "waf/work.h"

#include <errno.h>

void work_open(struct work *w, uint64_t limit, bool (*pause)(void *context), void *context)
{
    *w = (struct work){
        .until_pause = WORK_PAUSE_STEPS, .limit = limit, .pause = pause, .context = context
    };
}

uint64_t work_spent(const struct work *w)
{
    return w->spent + (WORK_PAUSE_STEPS - w->until_pause);
}

int work_settle(struct work *w, size_t steps)
{
    w->spent = work_spent(w) + steps;
    w->until_pause = WORK_PAUSE_STEPS;
    if (w->limit != 0 && w->spent > w->limit)
        return -EDQUOT;
    if (w->pause && !w->pause(w->context))
        return -ECANCELED;
    return 0;
}
