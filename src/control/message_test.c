/* Messages between our processes: whole, or an error that leaves nothing open. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "control/boot.h"
#include "control/message.h"

static int ends[2];
static struct message *got;

static int set_up(UNUSED void **state)
{
    got = calloc(1, sizeof *got);
    return got ? message_pair(ends) : -1;
}

static int tear_down(UNUSED void **state)
{
    close(ends[0]);
    close(ends[1]);
    free(got);
    return 0;
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

TEST(message_arrives_as_it_was_sent)
{
    static const uint32_t lengths[] = { 0, 1, 4096, MESSAGE_TEXT_MAX - 1, MESSAGE_TEXT_MAX };
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        struct message *m = &message_out;
        *m = (struct message){
            .kind = MESSAGE_WANT_SINK, .detail = -7, .number = INT64_MIN, .text_length = lengths[i]
        };
        memset(m->text, 'x', lengths[i]);
        memset(got->text, 'y', sizeof got->text);
        assert_int_equal(message_send(ends[0], m), 0);
        assert_int_equal(message_receive(ends[1], got), 0);
        assert_int_equal(got->kind, MESSAGE_WANT_SINK);
        assert_int_equal(got->detail, -7);
        assert_true(got->number == INT64_MIN);
        assert_int_equal(got->text_length, lengths[i]);
        assert_memory_equal(got->text, m->text, lengths[i]);
        assert_int_equal(got->text[lengths[i]], 0);
    }
}

TEST(message_carries_descriptors_that_are_closed_on_exec)
{
    static const int counts[] = { 1, 2, MESSAGE_FDS_MAX };
    int before = open_descriptors();
    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
        message_out = (struct message){ .kind = MESSAGE_LISTENERS, .fd_count = counts[i] };
        for (int k = 0; k < counts[i]; k++)
            message_out.fds[k] = ends[0];
        assert_int_equal(message_send(ends[0], &message_out), 0);
        assert_int_equal(message_receive(ends[1], got), 0);
        assert_int_equal(got->fd_count, counts[i]);
        for (int k = 0; k < counts[i]; k++)
            assert_int_equal(fcntl(got->fds[k], F_GETFD), FD_CLOEXEC);
        message_close_fds(got);
        assert_int_equal(open_descriptors(), before);
    }
}

/* A packet with `bytes` bytes and `fd_count` descriptors, whatever its shape. */
static void send_raw(size_t bytes, size_t fd_count)
{
    static char text[2 * MESSAGE_TEXT_MAX];
    union {
        struct cmsghdr align;
        char memory[CMSG_SPACE(sizeof(int) * 253)];
    } control = { 0 };
    struct iovec part = { text, bytes };
    struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };
    int fds[253];
    for (size_t i = 0; i < fd_count; i++)
        fds[i] = ends[0];
    if (fd_count) {
        packet.msg_control = control.memory;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&packet);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
    }
    assert_int_equal(sendmsg(ends[0], &packet, MSG_NOSIGNAL), bytes);
}

TEST(message_of_another_shape_is_refused_and_leaves_nothing_open)
{
    static const struct {
        size_t bytes, fds;
        int result;
    } cases[] = {
        { 0, 0, -EPIPE },
        { 0, 3, -EPROTO },
        { 1, 0, -EPROTO },
        { 15, 2, -EPROTO },
        { 16, 0, 0 },
        { 16, 251, -EPROTO },
        { 16, 253, -EPROTO },
        { 17 + MESSAGE_TEXT_MAX, 0, -EPROTO },
        { 17 + MESSAGE_TEXT_MAX, 5, -EPROTO },
    };
    int before = open_descriptors();
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        send_raw(cases[i].bytes, cases[i].fds);
        int result = message_receive(ends[1], got);
        if (result != cases[i].result)
            fail_msg("%d for %zu bytes and %zu descriptors", result, cases[i].bytes, cases[i].fds);
        assert_int_equal(open_descriptors(), before);
    }
}

TEST(message_that_does_not_come_is_waited_for_and_no_longer)
{
    assert_int_equal(message_receive(ends[1], got), -EAGAIN);
    assert_int_equal(message_await(ends[1], got, 1), -ETIMEDOUT);
    assert_int_equal(message_send_plain(ends[0], MESSAGE_DRAIN, 1, 2), 0);
    assert_int_equal(message_await(ends[1], got, -1), 0);
    assert_int_equal(got->kind, MESSAGE_DRAIN);
    close(ends[0]);
    assert_int_equal(message_receive(ends[1], got), -EPIPE);
    assert_int_equal(message_send_plain(ends[1], MESSAGE_DRAIN, 1, 2), -EPIPE);
    ends[0] = dup(ends[1]);
}

/* A record of this size with these first members; the descriptor. */
static int record_fd(size_t bytes, uint64_t magic, uint32_t version, uint32_t said)
{
    static struct boot_record r;
    int fd = memfd_create("record", 0);
    boot_record_clear(&r);
    r.magic = magic;
    r.version = version;
    r.bytes = said;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, &r, sizeof r), sizeof r);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    return fd;
}

TEST(record_of_another_version_or_size_is_refused)
{
    const uint32_t bytes = sizeof(struct boot_record);
    const struct {
        size_t size;
        uint64_t magic;
        uint32_t version, said;
        int result;
    } cases[] = {
        { bytes, BOOT_MAGIC, BOOT_VERSION, bytes, 0 },
        { bytes, BOOT_MAGIC, BOOT_VERSION + 1, bytes, -EPROTO },
        { bytes, BOOT_MAGIC, 0, bytes, -EPROTO },
        { bytes, BOOT_MAGIC + 1, BOOT_VERSION, bytes, -EPROTO },
        { bytes, BOOT_MAGIC, BOOT_VERSION, bytes - 1, -EPROTO },
        { bytes - 1, BOOT_MAGIC, BOOT_VERSION, bytes, -EPROTO },
        { bytes + 1, BOOT_MAGIC, BOOT_VERSION, bytes, -EPROTO },
        { 0, BOOT_MAGIC, BOOT_VERSION, bytes, -EPROTO },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct boot_record *r = NULL;
        int fd = record_fd(cases[i].size, cases[i].magic, cases[i].version, cases[i].said);
        assert_int_equal(boot_read(fd, &r), cases[i].result);
        assert_true((r != NULL) == (cases[i].result == 0));
        if (fcntl(fd, F_GETFD) >= 0)
            close(fd);
    }
    struct boot_record *r;
    assert_int_equal(boot_read(-1, &r), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(message_arrives_as_it_was_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(message_carries_descriptors_that_are_closed_on_exec, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(message_of_another_shape_is_refused_and_leaves_nothing_open,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(message_that_does_not_come_is_waited_for_and_no_longer,
                                        set_up, tear_down),
        cmocka_unit_test(record_of_another_version_or_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
