/* Fibers that have ended wait here with their stacks, last in first out so that the next one gets a
 * warm stack. What nobody needed for a whole period goes back to the system: the hot path only
 * notes how low the pool has been. */
#include <stdlib.h>

#include "runtime/fiber_internal.h"
#include "runtime/loop.h"

#define WARM_MAX  1024u
#define KEEP      32u /* these stay for good */
#define PERIOD_MS 10000

static struct fiber *warm;
static uint32_t warm_count;
static uint32_t lowest; /* that warm_count has been in this period */
static size_t stack_bytes;
static struct timer timer;

static void destroy(struct fiber *f)
{
    stack_free(&f->stack);
    free(f);
}

static struct fiber *pop(void)
{
    struct fiber *f = warm;
    warm = f->pool_next;
    warm_count--;
    return f;
}

static void on_period(struct timer *t)
{
    for (uint32_t i = 0; i < lowest && warm_count > KEEP; i++)
        destroy(pop());
    lowest = warm_count;
    if (warm_count > KEEP)
        timer_set(t, loop_now_ms() + PERIOD_MS);
}

uint32_t fiber_pool_open(size_t bytes)
{
    stack_bytes = bytes;
    timer_init(&timer, on_period);
    return stack_count_bound(bytes);
}

void fiber_pool_close(void)
{
    timer_clear(&timer);
    while (warm)
        destroy(pop());
}

uint32_t fiber_pool_count(void)
{
    return warm_count;
}

struct fiber *fiber_pool_take(void)
{
    if (warm) {
        struct fiber *f = pop();
        if (warm_count < lowest)
            lowest = warm_count;
        return f;
    }
    struct fiber *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    if (stack_make(stack_bytes, &f->stack) != 0) {
        free(f);
        return NULL;
    }
    return f;
}

void fiber_pool_put(struct fiber *f)
{
    if (warm_count >= WARM_MAX) {
        destroy(f);
        return;
    }
    f->pool_next = warm;
    warm = f;
    if (++warm_count == KEEP + 1 && timer.when_ms == NEVER) { /* it begins to be many */
        lowest = 0;
        timer_set(&timer, loop_now_ms() + PERIOD_MS);
    }
}
