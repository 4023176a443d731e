#include "runtime/fiber_internal.h"

#include <errno.h>

#include "base/panic.h"
#include "runtime/loop.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

static struct list run_queue, all_fibers;
static struct list yielded; /* runnable again, in the next turn */
static struct fiber *current;
static uint32_t living, living_max;
static void *loop_saved; /* the loop's own stack pointer while a fiber runs */
static const void *loop_stack;
static size_t loop_stack_bytes;
static void *loop_fake_stack;

/* --- The switch ------------------------------------------------------------------------------- */

/* The sanitizer must know which stack comes next (start) and where it has arrived (finish). */
static void announce_switch(UNUSED void **fake, UNUSED const void *bottom, UNUSED size_t bytes)
{
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(fake, bottom, bytes);
#endif
}

static void confirm_switch(UNUSED void *fake, UNUSED const void **bottom, UNUSED size_t *bytes)
{
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(fake, bottom, bytes);
#endif
}

static void switch_to_fiber(struct fiber *f)
{
    current = f;
    f->charged = 0;
    announce_switch(&loop_fake_stack, f->stack.memory, f->stack.bytes);
    fiber_switch(&loop_saved, f->saved);
    confirm_switch(loop_fake_stack, NULL, NULL);
    current = NULL;
}

/* ends: this fiber never comes back, its fake stack is freed. */
static void switch_to_loop(struct fiber *f, bool ends)
{
    announce_switch(ends ? NULL : &f->fake_stack, loop_stack, loop_stack_bytes);
    fiber_switch(&f->saved, loop_saved);
    confirm_switch(f->fake_stack, &loop_stack, &loop_stack_bytes);
}

/* --- Making and ending ------------------------------------------------------------------------ */

static void run_fiber(void *argument)
{
    struct fiber *f = argument;
    confirm_switch(NULL, &loop_stack, &loop_stack_bytes);
    f->function(f->argument);
    f->function = NULL; /* fibers_run sees that it has ended */
    switch_to_loop(f, true);
    UNREACHABLE();
}

/* It has ended: its stack is free for the next. */
static void bury(struct fiber *f)
{
    fiber_census_end(f);
    list_remove(&f->all);
    living--;
    fiber_pool_put(f);
}

static void on_deadline(struct timer *t)
{
    struct fiber *f = CONTAINER_OF(t, struct fiber, timer);
    if (f->waiting) {
        f->wait_result = -ETIMEDOUT;
        fiber_wake(f);
    }
}

static void enqueue(struct fiber *f)
{
    if (f->queued)
        return;
    f->queued = true;
    list_push_back(&run_queue, &f->run);
}

int fiber_start(const char *name, fiber_function *run, void *argument, struct fiber **ret_fiber)
{
    if (living >= living_max)
        return -EAGAIN;
    struct fiber *f = fiber_pool_take();
    if (!f)
        return -ENOMEM;
    struct stack stack = f->stack;
    *f = (struct fiber){ .stack = stack, .name = name, .function = run, .argument = argument };
    timer_init(&f->timer, on_deadline);
    fiber_census_begin(f);
    f->saved = fiber_frame(&f->stack, run_fiber, f);
    living++;
    list_push_back(&all_fibers, &f->all);
    enqueue(f);
    if (ret_fiber)
        *ret_fiber = f;
    return 0;
}

/* --- Waiting ---------------------------------------------------------------------------------- */

struct fiber *fiber_current(void)
{
    return current;
}

int fiber_wait(int64_t deadline_ms)
{
    struct fiber *f = current;
    ASSERT(f != NULL); /* MUST_NOT_WAIT code waits */
    if (f->cancelled)
        return -ECANCELED;
    if (deadline_ms <= loop_now_ms())
        return -ETIMEDOUT;
    f->wait_result = 0;
    f->waiting = true;
    timer_set(&f->timer, deadline_ms);
    switch_to_loop(f, false);
    f->waiting = false;
    timer_clear(&f->timer);
    return f->cancelled ? -ECANCELED : f->wait_result;
}

void fiber_wait_uncancelled(void)
{
    struct fiber *f = current;
    ASSERT(f != NULL);
    f->waiting = true;
    switch_to_loop(f, false);
    f->waiting = false;
}

void fiber_wake(struct fiber *f)
{
    if (f->waiting)
        enqueue(f);
}

void fiber_cancel(struct fiber *f)
{
    f->cancelled = true;
    fiber_wake(f);
}

bool fiber_is_cancelled(void)
{
    return current && current->cancelled;
}

static void come_back_next_turn(struct fiber *f)
{
    f->queued = true;
    list_push_back(&yielded, &f->run);
    switch_to_loop(f, false);
}

int fiber_yield(void)
{
    struct fiber *f = current;
    ASSERT(f != NULL);
    if (f->cancelled)
        return -ECANCELED;
    come_back_next_turn(f);
    return f->cancelled ? -ECANCELED : 0;
}

void fiber_step_aside(void)
{
    if (current)
        come_back_next_turn(current);
}

void fiber_charge(size_t bytes)
{
    if (current)
        current->charged += bytes;
}

int fiber_be_fair(void)
{
    return current && current->charged >= FIBER_FAIR_BYTES ? fiber_yield() : 0;
}

int fiber_sleep(int64_t until_ms)
{
    int result;
    do
        result = fiber_wait(until_ms);
    while (result == 0);
    return result == -ETIMEDOUT ? 0 : result;
}

/* --- The loop's side -------------------------------------------------------------------------- */

void fibers_open(uint32_t count_max, uint32_t bytes)
{
    uint32_t bound = fiber_pool_open(bytes ? bytes : STACK_BYTES_DEFAULT);
    living_max = count_max && count_max < bound ? count_max : bound;
    list_open(&run_queue);
    list_open(&yielded);
    list_open(&all_fibers);
    fiber_census_open();
}

void fibers_close(void)
{
    ASSERT(living == 0);
    fiber_pool_close();
}

uint32_t fibers_run(uint32_t budget)
{
    uint32_t ran = 0;
    list_append(&run_queue, &yielded);
    while (ran < budget && !list_is_empty(&run_queue)) {
        struct fiber *f = LIST_ENTRY(list_pop_front(&run_queue), struct fiber, run);
        f->queued = false;
        switch_to_fiber(f);
        if (!f->function)
            bury(f);
        ran++;
    }
    return ran;
}

bool fibers_are_runnable(void)
{
    return !list_is_empty(&run_queue) || !list_is_empty(&yielded);
}

uint32_t fiber_count(void)
{
    return living;
}

uint32_t fiber_count_max(void)
{
    return living_max;
}
