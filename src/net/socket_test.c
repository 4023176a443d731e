#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"
#include "net/listen.h"
#include "runtime/bundle.h"

static void in_loop(fiber_function *run)
{
    struct loop_options options = { 0 };
    assert_int_equal(loop_open(&options), 0);
    assert_int_equal(fiber_start("test", run, NULL, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_close();
}

static void make_pair(struct socket *a, struct socket *b)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(socket_adopt(a, fds[0]), 0);
    assert_int_equal(socket_adopt(b, fds[1]), 0);
}

#define BULK (4u << 20)

struct bulk {
    struct socket *to;
    char *bytes;
};

static void write_bulk(void *argument)
{
    struct bulk *bulk = argument;
    struct iovec parts[2] = { { bulk->bytes, BULK / 3 },
                              { bulk->bytes + BULK / 3, BULK - BULK / 3 } };
    size_t written;
    assert_int_equal(socket_write(bulk->to, parts, 2, 1000, loop_now_ms() + 60000, &written), 0);
    assert_int_equal(written, BULK);
    socket_shutdown_write(bulk->to);
}

/* All of it, and then the end. `to` has room for a byte more. */
static void receive_bulk(struct socket *from, char *to)
{
    size_t have = 0;
    ssize_t got;
    while ((got = socket_read(from, to + have, BULK + 1 - have, loop_now_ms() + 60000)) > 0)
        have += (size_t)got;
    assert_int_equal(got, 0);
    assert_int_equal(have, BULK);
}

static void transfer(UNUSED void *argument)
{
    struct socket a, b;
    make_pair(&a, &b);
    char *sent = malloc(BULK), *received = malloc(BULK + 1);
    for (size_t i = 0; i < BULK; i++)
        sent[i] = (char)(i * 31 >> 3);
    struct bulk bulk = { &a, sent };
    struct bundle bundle;
    bundle_open(&bundle);
    assert_int_equal(bundle_start(&bundle, "writer", write_bulk, &bulk), 0);
    receive_bulk(&b, received);
    assert_memory_equal(sent, received, BULK);
    bundle_end(&bundle);
    socket_close(&a);
    socket_close(&b);
    free(sent);
    free(received);
    loop_stop();
}

TEST(socket_moves_megabytes_through_small_buffers)
{
    in_loop(transfer);
}

static void write_last(void *argument)
{
    struct bulk *bulk = argument;
    struct iovec part = { bulk->bytes, BULK };
    socket_last_write(bulk->to);
    assert_int_equal(socket_write(bulk->to, &part, 1, 1000, loop_now_ms() + 60000, NULL), 0);
}

/* All that is left each time the kernel takes some of it; then the end, though nobody closes. */
static void ends_with_the_last_write(UNUSED void *argument)
{
    struct socket a, b;
    make_pair(&a, &b);
    struct bulk bulk = { &a, calloc(1, BULK) };
    char *received = malloc(BULK + 1);
    struct bundle bundle;
    bundle_open(&bundle);
    assert_int_equal(bundle_start(&bundle, "writer", write_last, &bulk), 0);
    receive_bulk(&b, received);
    bundle_end(&bundle);
    struct iovec answer = { received, 1 };
    assert_int_equal(socket_write(&b, &answer, 1, 0, loop_now_ms() + 60000, NULL), 0);
    assert_int_equal(socket_read(&a, bulk.bytes, 1, loop_now_ms() + 60000), 1); /* one side only */
    socket_close(&a);
    socket_close(&b);
    free(bulk.bytes);
    free(received);
    loop_stop();
}

TEST(socket_ends_with_the_last_write)
{
    in_loop(ends_with_the_last_write);
}

static void times_out(UNUSED void *argument)
{
    struct socket a, b;
    char byte;
    make_pair(&a, &b);
    assert_int_equal(socket_read(&a, &byte, 1, loop_now_ms() + 10), -ETIMEDOUT);
    assert_false(socket_is_stale(&a));
    socket_close(&b);
    assert_int_equal(socket_read(&a, &byte, 1, loop_now_ms() + 60000), 0);
    assert_true(socket_is_stale(&a));
    struct iovec part = { &byte, 1 };
    assert_int_equal(socket_write(&a, &part, 1, 0, loop_now_ms() + 60000, NULL), -EPIPE);
    socket_close(&a);
    loop_stop();
}

TEST(socket_read_respects_its_deadline_and_sees_the_end)
{
    in_loop(times_out);
}

static struct socket watched;
static int ready_calls;

static void on_ready(struct pollable *p)
{
    assert_ptr_equal(p, &watched.poll);
    ready_calls++;
}

static void parks(UNUSED void *argument)
{
    struct socket peer;
    char byte = 'x';
    make_pair(&watched, &peer);
    socket_park(&watched, on_ready);
    assert_int_equal(fiber_sleep(loop_now_ms() + 5), 0);
    assert_int_equal(ready_calls, 0);
    struct iovec part = { &byte, 1 };
    assert_int_equal(socket_write(&peer, &part, 1, 0, loop_now_ms() + 60000, NULL), 0);
    assert_int_equal(fiber_sleep(loop_now_ms() + 5), 0);
    assert_int_equal(ready_calls, 1);
    socket_park(&watched, on_ready); /* still readable: at once */
    assert_int_equal(ready_calls, 2);
    char two[2];
    assert_int_equal(socket_read_now(&watched, two, 2), 1);
    assert_int_equal(socket_read_now(&watched, two, 2), -EAGAIN); /* without a system call */
    pollable_watch(&watched.poll, on_ready);
    socket_reset(&peer);
    assert_int_equal(fiber_sleep(loop_now_ms() + 5), 0);
    assert_int_equal(ready_calls, 3);
    assert_true(watched.poll.hangup);
    socket_close(&watched);
    loop_stop();
}

TEST(parked_socket_calls_once)
{
    in_loop(parks);
}

static void connects(UNUSED void *argument)
{
    struct address any, peer;
    assert_int_equal(address_parse(SLICE("127.0.0.1:0"), &any), 0);
    struct listen_options options = { .reuse_port = true };
    int fd = listen_open(&any, &options);
    assert_true(fd >= 0);
    any.length = sizeof any.v6;
    assert_int_equal(getsockname(fd, &any.any, &any.length), 0);
    struct socket client, server;
    assert_int_equal(listen_accept(fd, &server, &peer), -EAGAIN);
    assert_int_equal(socket_connect(&client, &any, loop_now_ms() + 60000), 0);
    assert_int_equal(listen_accept(fd, &server, &peer), 0);
    struct ip loopback;
    assert_int_equal(ip_parse(SLICE("127.0.0.1"), &loopback), 0);
    assert_true(ip_equal(address_ip(&peer), loopback));
    socket_close(&client);
    socket_close(&server);
    close(fd);
    assert_int_equal(socket_connect(&client, &any, loop_now_ms() + 60000), -ECONNREFUSED);
    assert_false(socket_is_open(&client));
    loop_stop();
}

TEST(socket_connects_or_says_why_not)
{
    in_loop(connects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(socket_moves_megabytes_through_small_buffers),
        cmocka_unit_test(socket_ends_with_the_last_write),
        cmocka_unit_test(socket_read_respects_its_deadline_and_sees_the_end),
        cmocka_unit_test(parked_socket_calls_once),
        cmocka_unit_test(socket_connects_or_says_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
