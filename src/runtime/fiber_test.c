#include <errno.h>
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

static struct event event;
static int order[3], ordered;

static void wait_for_event(void *argument)
{
    assert_int_equal(event_wait(&event, loop_now_ms() + 1000), 0);
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
    assert_int_equal(bundle_join(&b, loop_now_ms() + 1000), 0);
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
        assert_int_equal(bundle_join(&b, loop_now_ms() + 5000), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fiber_sleeps_until_its_time),
        cmocka_unit_test(bundle_cancels_and_joins_its_children),
        cmocka_unit_test(event_wakes_the_longest_waiter_first),
        cmocka_unit_test(timers_fire_at_or_after_their_time),
        cmocka_unit_test(fibers_by_the_thousand),
        cmocka_unit_test(fibers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
