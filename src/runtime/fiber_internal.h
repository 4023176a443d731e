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
