#include "runtime/fiber_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

void fiber_switch(void **save, void *to);
void fiber_trampoline(void);

#define WARM_MAX     1024u /* pooled stacks */
#define NAMES_MAX    16u   /* of the census */
#define COLOURS      16u   /* stack tops that differ, so that they do not share cache sets */
#define COLOUR_BYTES 192u

static struct list run_queue, all_fibers;
static struct fiber *current, *warm;
static uint32_t living, living_max, warm_count, made;
static size_t stack_bytes;
static void *loop_saved; /* the loop's own stack pointer while a fiber runs */
static const void *loop_stack;
static size_t loop_stack_bytes;
static void *loop_fake_stack;

static struct census {
    const char *name;
    size_t high_water;
} census[NAMES_MAX];
static bool census_is_on;

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

static void note_depth(const struct fiber *f)
{
    size_t depth = stack_depth(&f->stack);
    for (uint32_t i = 0; i < NAMES_MAX; i++) {
        if (census[i].name && strcmp(census[i].name, f->name) != 0)
            continue;
        census[i].name = f->name;
        if (depth > census[i].high_water)
            census[i].high_water = depth;
        return;
    }
}

static void run_fiber(void *argument)
{
    struct fiber *f = argument;
    confirm_switch(NULL, &loop_stack, &loop_stack_bytes);
    f->function(f->argument);
    f->function = NULL; /* fibers_run sees that it has ended */
    switch_to_loop(f, true);
    UNREACHABLE();
}

/* The first frame, as fiber_switch expects to find it. */
static void prepare(struct fiber *f)
{
    size_t colour = (made % COLOURS) * COLOUR_BYTES;
    uintptr_t top = ((uintptr_t)f->stack.memory + f->stack.bytes - colour) & ~(uintptr_t)63;
#if defined(__x86_64__)
    void **frame = (void **)top - 10;
    uint32_t control[2];
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(control[0]), "=m"(control[1]));
    memset(frame, 0, 10 * sizeof *frame);
    memcpy(&frame[0], control, sizeof control);
    frame[3] = (void *)f;                    /* r13: the argument */
    frame[4] = (void *)(uintptr_t)run_fiber; /* r12: the function */
    frame[7] = (void *)(uintptr_t)fiber_trampoline;
    f->saved = frame;
#elif defined(__aarch64__)
    void **frame = (void **)top - 22;
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    memset(frame, 0, 22 * sizeof *frame);
    frame[0] = (void *)(uintptr_t)run_fiber;
    frame[1] = (void *)f;
    frame[11] = (void *)(uintptr_t)fiber_trampoline;
    memcpy(&frame[20], &fpcr, sizeof fpcr);
    f->saved = frame;
#else
#error "no fiber switch for this processor: see fiber_switch_x86_64.S"
#endif
}

static struct fiber *take_fiber(void)
{
    struct fiber *f = warm;
    if (f) {
        warm = f->pool_next;
        warm_count--;
        return f;
    }
    f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    if (stack_make(stack_bytes, &f->stack) != 0) {
        free(f);
        return NULL;
    }
    made++;
    return f;
}

static void destroy(struct fiber *f)
{
    stack_free(&f->stack);
    free(f);
}

static void put_fiber(struct fiber *f)
{
    if (census_is_on)
        note_depth(f);
    list_remove(&f->all);
    living--;
    if (warm_count >= WARM_MAX) {
        destroy(f);
        return;
    }
    f->pool_next = warm;
    warm = f;
    warm_count++;
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
    struct fiber *f = take_fiber();
    if (!f)
        return -ENOMEM;
    struct stack stack = f->stack;
    *f = (struct fiber){ .stack = stack, .name = name, .function = run, .argument = argument };
    timer_init(&f->timer, on_deadline);
    if (census_is_on)
        stack_paint(&f->stack);
    prepare(f);
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

int fiber_yield(void)
{
    struct fiber *f = current;
    ASSERT(f != NULL);
    if (f->cancelled)
        return -ECANCELED;
    enqueue(f);
    switch_to_loop(f, false);
    return f->cancelled ? -ECANCELED : 0;
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
    stack_bytes = bytes ? bytes : STACK_BYTES_DEFAULT;
    uint32_t bound = stack_count_bound(stack_bytes);
    living_max = count_max && count_max < bound ? count_max : bound;
    list_open(&run_queue);
    list_open(&all_fibers);
    census_is_on = getenv("PORTCULLIS_STACK_CENSUS") != NULL;
}

void fibers_close(void)
{
    ASSERT(living == 0);
    fiber_pool_trim(0);
}

uint32_t fibers_run(uint32_t budget)
{
    uint32_t ran = 0;
    while (ran < budget && !list_is_empty(&run_queue)) {
        struct fiber *f = LIST_ENTRY(list_pop_front(&run_queue), struct fiber, run);
        f->queued = false;
        switch_to_fiber(f);
        if (!f->function)
            put_fiber(f);
        ran++;
    }
    return ran;
}

bool fibers_are_runnable(void)
{
    return !list_is_empty(&run_queue);
}

uint32_t fiber_count(void)
{
    return living;
}

uint32_t fiber_count_max(void)
{
    return living_max;
}

void fiber_pool_trim(uint32_t keep)
{
    while (warm_count > keep) {
        struct fiber *f = warm;
        warm = f->pool_next;
        warm_count--;
        destroy(f);
    }
}

size_t fiber_stack_high_water(const char *name)
{
    for (uint32_t i = 0; i < NAMES_MAX; i++)
        if (census[i].name && strcmp(census[i].name, name) == 0)
            return census[i].high_water;
    return 0;
}

void fiber_census_report(int fd)
{
    for (uint32_t i = 0; i < NAMES_MAX && census[i].name; i++)
        dprintf(fd, "%s %zu of %zu\n", census[i].name, census[i].high_water, stack_bytes);
}
