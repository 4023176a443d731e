#include "runtime/loop.h"

#include <stdbool.h>
#include <stddef.h>

#include "runtime/fiber_internal.h"
#include "runtime/poller.h"
#include "runtime/timer_wheel.h"

/* Fibers run per turn before the loop looks for readiness and timers again. */
#define FIBERS_PER_TURN 4096u

static int64_t now_us;
static bool stopping;
static void (*turn_begin)(void), (*turn_end)(void);

int loop_open(const struct loop_options *options)
{
    TRY(poller_open());
    now_us = loop_clock_us();
    stopping = false;
    timer_wheel_open(loop_now_ms());
    fibers_open(options->fibers_max, options->stack_bytes);
    return 0;
}

void loop_close(void)
{
    fibers_close();
    poller_close();
}

int64_t loop_clock_us(void)
{
    return poller_clock_ns() / 1000;
}

int64_t loop_wall_ms(void)
{
    return poller_wall_ms();
}

int64_t loop_now_us(void)
{
    return now_us;
}

int64_t loop_now_ms(void)
{
    return now_us / 1000;
}

void loop_stop(void)
{
    stopping = true;
}

void loop_on_turn(void (*begin)(void), void (*end)(void))
{
    turn_begin = begin;
    turn_end = end;
}

/* -1: until something happens. A timer fires at or after its time, so the span is rounded up. */
static int64_t span_to_sleep(void)
{
    if (fibers_are_runnable())
        return 0;
    int64_t next = timer_wheel_next();
    if (next == NEVER)
        return -1;
    int64_t now_ms = loop_now_ms();
    return next > now_ms ? next - now_ms : 0;
}

void loop_turn_begins(void)
{
    now_us = loop_clock_us();
    if (turn_begin)
        turn_begin();
}

int loop_run(void)
{
    stopping = false;
    while (!stopping) {
        TRY(poller_wait(span_to_sleep()));
        timer_wheel_advance(loop_now_ms());
        fibers_run(FIBERS_PER_TURN);
        if (turn_end)
            turn_end();
    }
    return 0;
}
