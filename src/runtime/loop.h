/* The event loop of a worker: one per process, one thread, epoll, edge-triggered for connections.
 *
 * A turn: wait for readiness (until the next timer), read the clock once, mark what is ready, fire
 * timers, run fibers until none is runnable (those that yield go on in the next turn). When nothing
 * is to do it sleeps without a tick. In tests the simulated twin stands behind the same header
 * (runtime/sim).
 */
#pragma once

#include <stdint.h>

#include "base/attributes.h"

struct loop_options {
    uint32_t fibers_max;  /* 0: derived from vm.max_map_count, RLIMIT_AS and overcommit */
    uint32_t stack_bytes; /* 0: 256 KiB */
};

MUST_CHECK int loop_open(const struct loop_options *options);

/* Asserts that no fiber is left. */
void loop_close(void);

/* Runs until loop_stop(). 0 · -errno when epoll itself fails. */
MUST_CHECK int loop_run(void);

/* Leaves loop_run after this turn. Callable from anywhere in the worker. */
void loop_stop(void);

/* The clock of deadlines: milliseconds of CLOCK_MONOTONIC, read once per turn. */
int64_t loop_now_ms(void);
/* The same moment in microseconds, for timings in the log. loop_clock_us() reads it anew (22 ns).
 */
int64_t loop_now_us(void);
int64_t loop_clock_us(void);
/* The time of day in milliseconds since 1970, read anew. */
int64_t loop_wall_ms(void);

/* Called at the start and end of every turn when set (watchdog, deferred counters). NULL: none. */
void loop_on_turn(void (*begin)(void), void (*end)(void));

/* A deadline that never comes. Waits take a deadline always; only parked things use this. */
#define NEVER INT64_MAX
