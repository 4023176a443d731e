/* What the loop and the fibers know of each other. Only src/runtime includes this. */
#pragma once

#include "base/list.h"
#include "runtime/fiber.h"
#include "runtime/stack.h"
#include "runtime/timer.h"

struct fiber {
    void *saved;        /* stack pointer while it does not run */
    struct list run;    /* in the run queue */
    struct list all;    /* in the list of living fibers, for gdb */
    struct timer timer; /* of the wait in progress */
    struct stack stack;
    struct fiber *pool_next;
    fiber_function *function;
    void *argument;
    const char *name;
    int wait_result;
    bool waiting, queued, cancelled;
    size_t charged;   /* bytes read since it last gave way */
    void *fake_stack; /* AddressSanitizer's */
};

/* Waits for fiber_wake whether or not the fiber is cancelled: only bundle_end may do this. */
void fiber_wait_uncancelled(void);

void fibers_open(uint32_t count_max, uint32_t stack_bytes);
void fibers_close(void);
/* Runs runnable fibers until none is left or `budget` have run. How many ran. */
uint32_t fibers_run(uint32_t budget);
bool fibers_are_runnable(void);

/* --- The switch: fiber_switch_*.S with fiber_frame.c, or fiber_switch_ucontext.c ---------------
 */

/* Leaves this stack, noting in *save where, and goes on where `to` was left. */
void fiber_switch(void **save, void *to);
/* The first frame on a stack: what the first fiber_switch goes to. It calls run(argument), which
 * never returns. */
void *fiber_frame(const struct stack *s, void (*run)(void *), void *argument);

/* --- The pool: fiber_pool.c ------------------------------------------------------------------- */

/* Says how many fibers there can be. */
uint32_t fiber_pool_open(size_t stack_bytes);
void fiber_pool_close(void);
struct fiber *fiber_pool_take(void); /* with a stack; NULL: no memory */
void fiber_pool_put(struct fiber *f);
uint32_t fiber_pool_count(void); /* stacks that wait */

/* --- The census: fiber_census.c --------------------------------------------------------------- */

void fiber_census_open(void); /* on when PORTCULLIS_STACK_CENSUS is set */
void fiber_census_begin(const struct fiber *f);
void fiber_census_end(const struct fiber *f);
