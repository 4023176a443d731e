/* Stackful fibers. Each runs one function to its end on a stack of its own; it gives way only
 * inside the calls that MAY_WAIT. Fibers never leave their worker. Cancellation is an
 * error: after fiber_cancel every wait returns -ECANCELED at once, and the function returns in its
 * own time through its own clean-up. A stack is never dropped.
 *
 * Stacks come from a pool, with a guard page below; those that were not needed for a while go back
 * to the system. The census (paint and high-water mark) is on when PORTCULLIS_STACK_CENSUS is set.
 * The number of fibers is bounded; see loop_options. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"

struct fiber;

typedef void fiber_function(void *argument);

/* Makes a fiber runnable; it starts in this turn of the loop, after the caller gives way.
 * name: kept by pointer, for gdb and the census ("exchange", "upload").
 * returns 0 · -EAGAIN the limit of fibers is reached · -ENOMEM */
MUST_CHECK int fiber_start(const char *name, fiber_function *run, void *argument,
                           struct fiber **ret_fiber /* may be NULL */);

struct fiber *fiber_current(void); /* NULL on the loop's own stack */

/* Waits until fiber_wake, the deadline (loop_now_ms clock) or cancellation. The only switch.
 * returns 0 woken · -ETIMEDOUT · -ECANCELED */
MAY_WAIT int fiber_wait(int64_t deadline_ms);

/* Makes a waiting fiber runnable; harmless when it already is or has ended its wait. */
void fiber_wake(struct fiber *f);

/* Every wait of f, current and future, returns -ECANCELED. */
void fiber_cancel(struct fiber *f);
bool fiber_is_cancelled(void); /* the current one */

/* Lets others run, also those that become ready meanwhile: comes back in the next turn. 0 ·
 * -ECANCELED */
MAY_WAIT int fiber_yield(void);

/* The same for clean-up that takes a while and has to come to its end: a cancelled fiber lets
 * others run as well. Nothing outside a fiber. */
void fiber_step_aside(void);
MAY_WAIT int fiber_sleep(int64_t until_ms); /* 0 at the time · -ECANCELED */

/* Fairness: a fiber that has read FIBER_FAIR_BYTES without giving way yields before its next read.
 */
#define FIBER_FAIR_BYTES (256u << 10)
void fiber_charge(size_t bytes);
MAY_WAIT int fiber_be_fair(void); /* 0 · -ECANCELED */

/* In use now, and the bound. */
uint32_t fiber_count(void);
uint32_t fiber_count_max(void);

/* The deepest stack use in bytes seen so far per name; 0 when the census is off. */
size_t fiber_stack_high_water(const char *name);
void fiber_census_report(int fd); /* text, a line per name */
