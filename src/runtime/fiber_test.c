#include <errno.h>
#include <fenv.h>
#include <stdlib.h>

#include "base/test.h"
#include "runtime/bundle.h"
#include "runtime/loop.h"
#include "runtime/timer.h"

static void run_loop_with(fiber_function *run, void *argument)
{
    struct loop_options options = { 0 };
    assert_int_equal(loop_open(&options), 0);
    assert_int_equal(fiber_start("test", run, argument, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_close();
}

static void sleep_then_stop(void *argument)
{
    int64_t before = loop_now_ms();
    assert_int_equal(fiber_sleep(before + 20), 0);
    assert_true(loop_now_ms() >= before + 20);
    assert_int_equal(fiber_wait(before), -ETIMEDOUT); /* a deadline in the past */
    *(bool *)argument = true;
    loop_stop();
}

TEST(fiber_sleeps_until_its_time)
{
    bool done = false;
    run_loop_with(sleep_then_stop, &done);
    assert_true(done);
}

struct cancelled {
    int first, second;
};

static void wait_long(void *argument)
{
    struct cancelled *c = argument;
    c->first = fiber_wait(loop_now_ms() + 60000);
    c->second = fiber_wait(loop_now_ms() + 60000);
}

static void cancel_child(void *argument)
{
    struct bundle b;
    bundle_open(&b);
    assert_int_equal(bundle_start(&b, "child", wait_long, argument), 0);
    assert_int_equal(bundle_join(&b, loop_now_ms() + 10), -ETIMEDOUT);
    bundle_end(&b);
    assert_int_equal(b.running, 0);
    loop_stop();
}

TEST(bundle_cancels_and_joins_its_children)
{
    struct cancelled c = { 0 };
    run_loop_with(cancel_child, &c);
    assert_int_equal(c.first, -ECANCELED);
    assert_int_equal(c.second, -ECANCELED);
}

/* Cancelled or not, somebody else has run when it comes back. */
static void note_passage(void *argument)
{
    *(unsigned *)argument += 1;
}

static void step_aside_twice(UNUSED void *argument)
{
    unsigned passed = 0;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(fiber_start("other", note_passage, &passed, NULL), 0);
        assert_int_equal(passed, i);
        fiber_step_aside();
        assert_int_equal(passed, i + 1);
        fiber_cancel(fiber_current());
    }
    assert_int_equal(fiber_yield(), -ECANCELED);
    loop_stop();
}

TEST(clean_up_steps_aside_also_when_it_is_cancelled)
{
    fiber_step_aside(); /* nobody is here */
    run_loop_with(step_aside_twice, NULL);
}

static int turns;

static void count_turn(void)
{
    turns++;
}

/* However much one fiber has to do, the loop looks for what else is ready in between. */
static void yield_often(UNUSED void *argument)
{
    loop_on_turn(count_turn, NULL);
    for (int i = 0; i < 5; i++) {
        int before = turns;
        assert_int_equal(fiber_yield(), 0);
        assert_int_equal(turns, before + 1);
    }
    loop_on_turn(NULL, NULL);
    loop_stop();
}

TEST(fiber_yield_comes_back_in_the_next_turn)
{
    run_loop_with(yield_often, NULL);
}

static struct event event;
static int order[3], ordered;

static void wait_for_event(void *argument)
{
    assert_int_equal(event_wait(&event, loop_now_ms() + 60000), 0);
    order[ordered++] = *(int *)argument;
}

static void signal_events(UNUSED void *argument)
{
    static int names[3] = { 1, 2, 3 };
    struct bundle b;
    event_init(&event);
    bundle_open(&b);
    for (int i = 0; i < 3; i++)
        assert_int_equal(bundle_start(&b, "waiter", wait_for_event, &names[i]), 0);
    assert_int_equal(fiber_yield(), 0);
    event_signal_one(&event);
    assert_int_equal(fiber_yield(), 0);
    assert_int_equal(ordered, 1);
    event_signal_all(&event);
    assert_int_equal(bundle_join(&b, loop_now_ms() + 60000), 0);
    bundle_end(&b);
    loop_stop();
}

TEST(event_wakes_the_longest_waiter_first)
{
    ordered = 0;
    run_loop_with(signal_events, NULL);
    assert_int_equal(ordered, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(order[i], i + 1);
}

#define TIMERS 2000
static struct timed {
    struct timer timer;
    int64_t wanted, fired;
} timed[TIMERS];
static int fired_count;

static void on_timed(struct timer *t)
{
    struct timed *one = CONTAINER_OF(t, struct timed, timer);
    one->fired = loop_now_ms();
    fired_count++;
}

static void set_timers(UNUSED void *argument)
{
    srandom(7);
    int64_t now = loop_now_ms();
    int cleared = 0;
    for (int i = 0; i < TIMERS; i++) {
        timer_init(&timed[i].timer, on_timed);
        timed[i].wanted = now + random() % 300;
        timer_set(&timed[i].timer, timed[i].wanted);
        if (i % 5 == 0) { /* moved earlier or later */
            timed[i].wanted = now + random() % 600;
            timer_set(&timed[i].timer, timed[i].wanted);
        }
        if (i % 7 == 0) {
            timer_clear(&timed[i].timer);
            timed[i].wanted = -1;
            cleared++;
        }
    }
    assert_int_equal(fiber_sleep(now + 620), 0);
    assert_int_equal(fired_count, TIMERS - cleared);
    for (int i = 0; i < TIMERS; i++)
        if (timed[i].wanted >= 0)
            assert_true(timed[i].fired >= timed[i].wanted);
    loop_stop();
}

TEST(timers_fire_at_or_after_their_time)
{
    run_loop_with(set_timers, NULL);
}

static void count_one(void *argument)
{
    ++*(int *)argument;
    assert_int_equal(fiber_wait(loop_now_ms() + 5), -ETIMEDOUT);
}

static void start_many(void *argument)
{
    struct bundle b;
    bundle_open(&b);
    for (int round = 0; round < 3; round++) { /* the second round reuses the first's stacks */
        for (int i = 0; i < 1000; i++)
            assert_int_equal(bundle_start(&b, "many", count_one, argument), 0);
        assert_int_equal(bundle_join(&b, loop_now_ms() + 60000), 0);
    }
    bundle_end(&b);
    loop_stop();
}

TEST(fibers_by_the_thousand)
{
    int count = 0;
    run_loop_with(start_many, &count);
    assert_int_equal(count, 3000);
}

static void nothing(UNUSED void *argument)
{
}

static void reach_limit(UNUSED void *argument)
{
    assert_int_equal(fiber_start("a", nothing, NULL, NULL), 0);
    assert_int_equal(fiber_start("b", nothing, NULL, NULL), -EAGAIN);
    assert_int_equal(fiber_yield(), 0);
    assert_int_equal(fiber_start("c", nothing, NULL, NULL), 0);
    assert_int_equal(fiber_yield(), 0);
    loop_stop();
}

TEST(fibers_are_bounded)
{
    struct loop_options options = { .fibers_max = 2 };
    assert_int_equal(loop_open(&options), 0);
    assert_int_equal(fiber_start("test", reach_limit, NULL, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_close();
}

/* --- Events and bundles under cancellation ---------------------------------------------------- */

struct event_wait_result {
    int result;
};

static void wait_for_result(void *argument)
{
    struct event_wait_result *w = argument;
    w->result = event_wait(&event, loop_now_ms() + 60000);
}

/* One is cancelled, one times out, one is signalled: nobody is left in the list, and a signal goes
 * to somebody who waits. */
static void cancel_waiters(UNUSED void *argument)
{
    struct event_wait_result first = { 1 }, second = { 1 };
    struct bundle a, b;
    event_init(&event);
    bundle_open(&a);
    bundle_open(&b);
    assert_int_equal(bundle_start(&a, "first", wait_for_result, &first), 0);
    assert_int_equal(bundle_start(&b, "second", wait_for_result, &second), 0);
    assert_int_equal(fiber_yield(), 0);
    assert_int_equal(event_wait(&event, loop_now_ms() + 2), -ETIMEDOUT);
    bundle_end(&a);
    assert_int_equal(first.result, -ECANCELED);
    event_signal_one(&event);
    assert_int_equal(bundle_join(&b, loop_now_ms() + 60000), 0);
    assert_int_equal(second.result, 0);
    assert_false(event_has_waiters(&event));
    event_signal_all(&event); /* nobody: nothing happens */
    loop_stop();
}

TEST(event_waiter_that_is_cancelled_takes_no_signal)
{
    run_loop_with(cancel_waiters, NULL);
}

/* Signalled and cancelled in one turn: cancellation is what it learns. */
static void signal_and_cancel(UNUSED void *argument)
{
    struct event_wait_result w = { 1 };
    struct bundle b;
    event_init(&event);
    bundle_open(&b);
    assert_int_equal(bundle_start(&b, "waiter", wait_for_result, &w), 0);
    assert_int_equal(fiber_yield(), 0);
    event_signal_one(&event);
    bundle_end(&b);
    assert_int_equal(w.result, -ECANCELED);
    loop_stop();
}

TEST(event_waiter_that_is_signalled_and_cancelled_is_cancelled)
{
    run_loop_with(signal_and_cancel, NULL);
}

static void do_nothing(UNUSED void *argument)
{
}

static void sleep_after_cancel(void *argument)
{
    int *steps = argument;
    while (fiber_wait(loop_now_ms() + 60000) == 0)
        ;
    assert_true(fiber_is_cancelled());
    assert_int_equal(fiber_yield(), -ECANCELED); /* every wait, at once */
    assert_int_equal(fiber_sleep(loop_now_ms() + 60000), -ECANCELED);
    assert_int_equal(event_wait(&event, loop_now_ms() + 60000), -ECANCELED);
    ++*steps;
}

/* The parent is cancelled itself: its join fails, its end still waits for the child. */
static void parent(void *argument)
{
    OWNS(bundle_end) struct bundle b;
    bundle_open(&b);
    assert_int_equal(bundle_start(&b, "child", sleep_after_cancel, argument), 0);
    assert_int_equal(bundle_start(&b, "short", do_nothing, NULL), 0);
    assert_int_equal(bundle_join(&b, loop_now_ms() + 60000), -ECANCELED);
    assert_int_equal(b.running, 1);
}

static void cancel_family(void *argument)
{
    struct bundle b;
    event_init(&event);
    bundle_open(&b);
    bundle_end(&b); /* empty: nothing to wait for */
    bundle_open(&b);
    assert_int_equal(bundle_start(&b, "parent", parent, argument), 0);
    assert_int_equal(fiber_yield(), 0);
    assert_int_equal(fiber_yield(), 0);
    bundle_end(&b);
    assert_int_equal(b.running, 0);
    assert_int_equal(fiber_count(), 1);
    loop_stop();
}

TEST(bundle_ends_in_a_cancelled_parent_too)
{
    int steps = 0;
    run_loop_with(cancel_family, &steps);
    assert_int_equal(steps, 1);
}

static void start_over_limit(UNUSED void *argument)
{
    struct bundle b;
    bundle_open(&b);
    assert_int_equal(bundle_start(&b, "one", do_nothing, NULL), 0);
    assert_int_equal(bundle_start(&b, "two", do_nothing, NULL), -EAGAIN);
    assert_int_equal(b.running, 1); /* the one that did not start is not waited for */
    assert_int_equal(bundle_join(&b, loop_now_ms() + 60000), 0);
    loop_stop();
}

TEST(bundle_says_when_no_fiber_is_left)
{
    struct loop_options options = { .fibers_max = 2 };
    assert_int_equal(loop_open(&options), 0);
    assert_int_equal(fiber_start("test", start_over_limit, NULL, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_close();
}

/* --- The switch ------------------------------------------------------------------------------- */

static void round_upward(UNUSED void *argument)
{
    assert_int_equal(fesetround(FE_UPWARD), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fiber_yield(), 0);
        assert_int_equal(fegetround(), FE_UPWARD);
    }
}

static void round_downward(UNUSED void *argument)
{
    assert_int_equal(fegetround(), FE_TONEAREST); /* not what another fiber has set */
    assert_int_equal(fesetround(FE_DOWNWARD), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fiber_yield(), 0);
        assert_int_equal(fegetround(), FE_DOWNWARD);
    }
}

static void round_both_ways(UNUSED void *argument)
{
    struct bundle b;
    bundle_open(&b);
    assert_int_equal(bundle_start(&b, "up", round_upward, NULL), 0);
    assert_int_equal(bundle_start(&b, "down", round_downward, NULL), 0);
    volatile double one = 1.0, three = 3.0, third = one / three;
    while (b.running > 0) {
        assert_int_equal(fiber_yield(), 0);
        assert_int_equal(fegetround(), FE_TONEAREST);
        assert_true(one / three == third);
    }
    loop_stop();
}

TEST(fiber_keeps_its_floating_point_control)
{
    run_loop_with(round_both_ways, NULL);
    assert_int_equal(fegetround(), FE_TONEAREST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fiber_sleeps_until_its_time),
        cmocka_unit_test(bundle_cancels_and_joins_its_children),
        cmocka_unit_test(clean_up_steps_aside_also_when_it_is_cancelled),
        cmocka_unit_test(event_wakes_the_longest_waiter_first),
        cmocka_unit_test(timers_fire_at_or_after_their_time),
        cmocka_unit_test(fibers_by_the_thousand),
        cmocka_unit_test(fiber_yield_comes_back_in_the_next_turn),
        cmocka_unit_test(fibers_are_bounded),
        cmocka_unit_test(event_waiter_that_is_cancelled_takes_no_signal),
        cmocka_unit_test(event_waiter_that_is_signalled_and_cancelled_is_cancelled),
        cmocka_unit_test(bundle_ends_in_a_cancelled_parent_too),
        cmocka_unit_test(bundle_says_when_no_fiber_is_left),
        cmocka_unit_test(fiber_keeps_its_floating_point_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
