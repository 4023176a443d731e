#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/test.h"

static char folder[] = "/tmp/file_XXXXXX";

static const char *path_of(const char *name)
{
    static char path[64];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_true(length > 0 && length < (int)sizeof path);
    return path;
}

static int open_folder(UNUSED void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(UNUSED void **state)
{
    static const char *const names[] = { "file", "link", "fifo", "socket" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unlink(path_of(names[i]));
    return rmdir(folder);
}

TEST(a_regular_file_is_opened_also_through_a_link)
{
    char byte;
    int fd = open(path_of("file"), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    assert_int_equal(symlink("file", path_of("link")), 0);
    fd = file_open(path_of("link"));
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    assert_int_equal(file_open(path_of("none")), -ENOENT);
}

TEST(what_is_no_regular_file_is_refused_and_nobody_waits)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path_of("socket"));
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0); /* nobody ever writes it */
    assert_int_equal(file_open(path_of("fifo")), -ESPIPE);
    assert_int_equal(file_open(path_of("socket")), -ENXIO);
    assert_int_equal(file_open(folder), -EISDIR);
    assert_int_equal(file_open("/dev/null"), -ENODEV);
    close(listening);
}

TEST(each_kind_has_its_words)
{
    assert_string_equal(file_problem(-ESPIPE), "it is a pipe, not a file");
    assert_string_equal(file_problem(-ENXIO), "it is a socket, not a file");
    assert_string_equal(file_problem(-EISDIR), "it is a folder, not a file");
    assert_string_equal(file_problem(-ENODEV), "it is a device, not a file");
    assert_string_equal(file_problem(-ENOENT), "No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_regular_file_is_opened_also_through_a_link),
        cmocka_unit_test(what_is_no_regular_file_is_refused_and_nobody_waits),
        cmocka_unit_test(each_kind_has_its_words),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
