#include "net/fetch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "runtime/fiber.h"
#include "runtime/loop.h"

/* A server process that answers every request with the same bytes, or never (NULL). */
struct server {
    pid_t pid;
    int fd;
    char url[64];
};

static void serve(int fd, const char *answer)
{
    char request[4096];
    for (;;) {
        int client = accept(fd, NULL, NULL);
        if (client < 0)
            _exit(1);
        ssize_t got = read(client, request, sizeof request);
        if (!answer)
            (void)pause();
        if (got > 0 && write(client, answer, strlen(answer)) < 0)
            _exit(1);
        close(client);
    }
}

static struct server start_server(const char *answer)
{
    struct server s = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof a;
    assert_int_equal(bind(s.fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s.fd, 8), 0);
    assert_int_equal(getsockname(s.fd, (struct sockaddr *)&a, &length), 0);
    (void)snprintf(s.url, sizeof s.url, "http://127.0.0.1:%d/x", ntohs(a.sin_port));
    s.pid = fork();
    if (s.pid == 0)
        serve(s.fd, answer);
    return s;
}

static void stop_server(struct server *s)
{
    close(s->fd);
    (void)kill(s->pid, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
}

static struct fetch wanted;
static struct fetched got;
static int result;
static char fields[512];

static void note_field(void *context, slice line)
{
    size_t at = strlen(fields);
    (void)snprintf(fields + at, sizeof fields - at, "%.*s|", SLICE_ARGUMENTS(line));
}

static void run_fetch(void *unused)
{
    wanted.on_field = note_field;
    if (wanted.deadline_ms == 0)
        wanted.deadline_ms = loop_now_ms() + 60000;
    result = fetch(&wanted, &got);
    loop_stop();
}

static int try_fetch(void)
{
    struct loop_options options = { .fibers_max = 8 };
    fields[0] = '\0';
    assert_int_equal(loop_open(&options), 0);
    assert_int_equal(fiber_start("test", run_fetch, NULL, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_close();
    return result;
}

TEST(an_answer_comes_with_status_fields_and_body)
{
    struct server s = start_server("HTTP/1.1 404 No\r\nContent-Length: 3\r\nX: y\r\n\r\nabc");
    wanted = (struct fetch){ .url = s.url,
                             .may_be_plain = true,
                             .body = SLICE("question"),
                             .content_type = "application/x",
                             .bytes_max = 3 };
    assert_int_equal(try_fetch(), 0);
    assert_int_equal(got.status, 404);
    assert_slice_equal(slice_of(got.body, got.bytes), SLICE("abc"));
    assert_string_equal(fields, "HTTP/1.1 404 No|Content-Length: 3|X: y|");
    fetched_clear(&got);
    wanted.bytes_max = 2;
    assert_int_equal(try_fetch(), -EMSGSIZE);
    assert_string_equal(got.why, "the answer is too long");
    fetched_clear(&got);
    stop_server(&s);
}

TEST(plain_http_is_refused_where_it_was_not_allowed)
{
    wanted = (struct fetch){ .url = "http://127.0.0.1:1/", .bytes_max = 10 };
    assert_int_equal(try_fetch(), -EIO);
    assert_true(slice_find(slice_from(got.why), SLICE("not supported")) < strlen(got.why));
    fetched_clear(&got);
    wanted.url = "file:///etc/passwd";
    wanted.may_be_plain = true;
    assert_int_equal(try_fetch(), -EIO);
    fetched_clear(&got);
}

TEST(nobody_there_and_nobody_who_answers_are_told)
{
    wanted = (struct fetch){ .url = "http://127.0.0.1:1/", .may_be_plain = true, .bytes_max = 10 };
    assert_int_equal(try_fetch(), -EIO);
    assert_true(strlen(got.why) > 0);
    fetched_clear(&got);
    struct server s = start_server(NULL);
    wanted.url = s.url;
    wanted.deadline_ms = 1; /* it has passed */
    assert_int_equal(try_fetch(), -ETIMEDOUT);
    assert_string_equal(got.why, "no answer in time");
    fetched_clear(&got);
    stop_server(&s);
}

TEST(connect_to_leads_elsewhere)
{
    struct server s = start_server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    wanted = (struct fetch){ .url = "http://nowhere.invalid/",
                             .may_be_plain = true,
                             .connect_to = s.url + strlen("http://"),
                             .bytes_max = 10 };
    char address[64];
    (void)snprintf(address, sizeof address, "%s", s.url + strlen("http://"));
    *strchr(address, '/') = '\0';
    wanted.connect_to = address;
    assert_int_equal(try_fetch(), 0);
    assert_int_equal(got.status, 200);
    fetched_clear(&got);
    stop_server(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_with_status_fields_and_body),
        cmocka_unit_test(plain_http_is_refused_where_it_was_not_allowed),
        cmocka_unit_test(nobody_there_and_nobody_who_answers_are_told),
        cmocka_unit_test(connect_to_leads_elsewhere),
    };
    if (fetch_open() != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fetch_close();
    return failed;
}
