#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"
#include "runtime/bundle.h"
#include "runtime/loop.h"
#include "runtime/pollable.h"

/* A watched end of a pair and its peer. */
struct end {
    struct pollable poll;
    int peer;
    int calls;
    struct end *closes; /* its on_ready closes this one */
};

static void open_end(struct end *e)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *e = (struct end){ .peer = fds[1] };
    assert_int_equal(pollable_open(&e->poll, fds[0]), 0);
}

static void close_end(struct end *e)
{
    if (e->poll.registered)
        pollable_close(&e->poll, true);
    close(e->poll.fd);
    close(e->peer);
}

static void say(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
}

static void drain(struct pollable *p)
{
    char bytes[16];
    while (read(p->fd, bytes, sizeof bytes) > 0)
        ;
    p->ready &= (uint8_t)~POLL_READ;
}

/* Some turns of the loop go by. */
static void let_run(void)
{
    assert_int_equal(fiber_sleep(loop_now_ms() + 3), 0);
}

static void in_loop(fiber_function *run)
{
    struct loop_options options = { 0 };
    assert_int_equal(loop_open(&options), 0);
    assert_int_equal(fiber_start("test", run, NULL, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_close();
}

/* The loop is held up until the time of the one that waits is over; meanwhile bytes come. */
static void hold_up(void *argument)
{
    const struct timespec span = { .tv_nsec = 20 * 1000 * 1000 };
    struct end *e = argument;
    say(e->peer);
    assert_int_equal(nanosleep(&span, NULL), 0);
}

static void waits_through_a_hold_up(UNUSED void *argument)
{
    struct end e;
    struct bundle b;
    open_end(&e);
    bundle_open(&b);
    let_run();
    assert_int_equal(bundle_start(&b, "hold up", hold_up, &e), 0);
    assert_int_equal(pollable_wait(&e.poll, POLL_READ, loop_now_ms() + 5), 0);
    drain(&e.poll);
    assert_int_equal(pollable_wait(&e.poll, POLL_READ, loop_now_ms()), -ETIMEDOUT);
    bundle_end(&b);
    close_end(&e);
    loop_stop();
}

TEST(pollable_wait_takes_what_came_in_the_turn_of_its_deadline)
{
    in_loop(waits_through_a_hold_up);
}

static void count_call(struct pollable *p)
{
    struct end *e = CONTAINER_OF(p, struct end, poll);
    e->calls++;
    if (e->closes && e->closes->poll.registered)
        pollable_close(&e->closes->poll, false);
}

static void parks(UNUSED void *argument)
{
    struct end e;
    open_end(&e);
    pollable_park(&e.poll, count_call);
    let_run();
    assert_int_equal(e.calls, 0); /* writable is no reason */
    say(e.peer);
    let_run();
    assert_int_equal(e.calls, 1);
    say(e.peer);
    let_run();
    assert_int_equal(e.calls, 1); /* once */
    pollable_park(&e.poll, count_call);
    assert_int_equal(e.calls, 2); /* it is still readable: at once */
    drain(&e.poll);
    pollable_park(&e.poll, count_call);
    pollable_park(&e.poll, NULL);
    say(e.peer);
    let_run();
    assert_int_equal(e.calls, 2);          /* not any more */
    assert_true(e.poll.ready & POLL_READ); /* but remembered */
    close_end(&e);
    loop_stop();
}

TEST(pollable_park_calls_once_and_at_once_when_ready)
{
    in_loop(parks);
}

static void watches(UNUSED void *argument)
{
    struct end e;
    open_end(&e);
    say(e.peer);
    let_run();
    pollable_watch(&e.poll, count_call);
    let_run();
    assert_int_equal(e.calls, 0); /* what was ready before is no news */
    for (int i = 1; i <= 3; i++) {
        say(e.peer);
        let_run();
        assert_int_equal(e.calls, i);
    }
    assert_int_equal(pollable_wait(&e.poll, POLL_READ, loop_now_ms() + 60000), 0);
    assert_false(e.poll.hangup);
    assert_int_equal(shutdown(e.peer, SHUT_WR), 0);
    let_run();
    assert_int_equal(e.calls, 4);
    assert_true(e.poll.hangup && !e.poll.broken); /* a half-close */
    close(e.peer);
    let_run();
    assert_int_equal(e.calls, 5);
    assert_true(e.poll.broken);
    pollable_park(&e.poll, NULL);
    e.peer = -1;
    close_end(&e);
    loop_stop();
}

TEST(pollable_watch_calls_at_every_new_edge)
{
    in_loop(watches);
}

struct wait {
    struct pollable *poll;
    uint8_t direction;
    int64_t span_ms;
    int result;
};

static void wait_for(void *argument)
{
    struct wait *w = argument;
    w->result = pollable_wait(w->poll, w->direction, loop_now_ms() + w->span_ms);
}

static void waits_both_ways(UNUSED void *argument)
{
    struct end e;
    struct bundle b;
    open_end(&e);
    struct wait read = { &e.poll, POLL_READ, 10000, 1 }, write = { &e.poll, POLL_WRITE, 10000, 1 };
    bundle_open(&b);
    let_run();
    e.poll.ready = 0; /* as after a short read and a short write */
    assert_int_equal(bundle_start(&b, "reader", wait_for, &read), 0);
    assert_int_equal(bundle_start(&b, "writer", wait_for, &write), 0);
    let_run();
    assert_int_equal(b.running, 2);
    say(e.peer); /* one edge names both directions */
    assert_int_equal(bundle_join(&b, loop_now_ms() + 60000), 0);
    assert_int_equal(read.result, 0);
    assert_int_equal(write.result, 0);
    bundle_end(&b);
    close_end(&e);
    loop_stop();
}

TEST(pollable_serves_a_reader_and_a_writer_at_once)
{
    in_loop(waits_both_ways);
}

static void wait_ends_early(UNUSED void *argument)
{
    struct end e;
    open_end(&e);
    struct wait late = { &e.poll, POLL_READ, 5, 1 }, cancelled = { &e.poll, POLL_READ, 10000, 1 };
    wait_for(&late);
    assert_int_equal(late.result, -ETIMEDOUT);
    struct bundle b;
    bundle_open(&b);
    assert_int_equal(bundle_start(&b, "reader", wait_for, &cancelled), 0);
    let_run();
    bundle_end(&b);
    assert_int_equal(cancelled.result, -ECANCELED);
    assert_null(e.poll.reader); /* the next may wait */
    say(e.peer);
    assert_int_equal(pollable_wait(&e.poll, POLL_READ, loop_now_ms() + 60000), 0);
    assert_int_equal(pollable_wait(&e.poll, POLL_READ, 0),
                     0); /* ready counts before the deadline */
    close_end(&e);
    loop_stop();
}

TEST(pollable_wait_ends_with_its_deadline_or_cancellation)
{
    in_loop(wait_ends_early);
}

static void closes_each_other(UNUSED void *argument)
{
    struct end a, b;
    open_end(&a);
    open_end(&b);
    a.closes = &b;
    b.closes = &a;
    pollable_park(&a.poll, count_call);
    pollable_park(&b.poll, count_call);
    say(a.peer); /* both are fetched in one turn; whoever is told first closes the other */
    say(b.peer);
    let_run();
    assert_int_equal(a.calls + b.calls, 1);
    close_end(&a);
    close_end(&b);
    loop_stop();
}

TEST(pollable_that_was_closed_is_told_nothing_of_this_turn)
{
    in_loop(closes_each_other);
}

static void drain_third(struct pollable *p)
{
    struct end *e = CONTAINER_OF(p, struct end, poll);
    if (++e->calls == 3)
        drain(p);
}

static void is_level(UNUSED void *argument)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct end e = { .peer = fds[1] };
    assert_int_equal(pollable_open_level(&e.poll, fds[0], drain_third), 0);
    say(e.peer);
    for (int i = 0; i < 200 && e.calls < 3; i++)
        let_run();
    let_run();
    assert_int_equal(e.calls, 3); /* every turn, until nothing is there */
    say(e.peer);
    let_run();
    assert_true(e.calls >= 4);
    close_end(&e);
    loop_stop();
}

TEST(pollable_level_calls_as_long_as_it_is_readable)
{
    in_loop(is_level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pollable_wait_takes_what_came_in_the_turn_of_its_deadline),
        cmocka_unit_test(pollable_park_calls_once_and_at_once_when_ready),
        cmocka_unit_test(pollable_watch_calls_at_every_new_edge),
        cmocka_unit_test(pollable_serves_a_reader_and_a_writer_at_once),
        cmocka_unit_test(pollable_wait_ends_with_its_deadline_or_cancellation),
        cmocka_unit_test(pollable_that_was_closed_is_told_nothing_of_this_turn),
        cmocka_unit_test(pollable_level_calls_as_long_as_it_is_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
