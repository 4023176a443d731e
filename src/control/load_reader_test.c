#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "control/load_reader.h"

static char folder[] = "/tmp/load_reader_XXXXXX";
static struct arena arena;

static slice path_of(const char *name)
{
    static char path[256];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_true(length > 0 && length < (int)sizeof path);
    return slice_of(path, (size_t)length);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name).ptr, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int open_folder(UNUSED void **state)
{
    arena_open(&arena, NULL, 0, 4096, 16u << 20);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(UNUSED void **state)
{
    static const char *const names[] = { "a", "b.conf", "a.conf", "secret", "pipe", "fifo" };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        (void)unlink(path_of(names[i]).ptr);
    arena_close(&arena);
    return rmdir(folder);
}

static slice find(enum reference_kind kind, slice name)
{
    slice value;
    int error = load_reader.find_reference(NULL, &arena, kind, name, &value);
    return error == 0 ? value : error == -ENOENT ? SLICE("none") : SLICE("error");
}

TEST(files_are_read_whole_up_to_a_limit)
{
    slice text;
    write_file("a", "hello\n");
    assert_int_equal(load_reader.read_file(NULL, &arena, path_of("a"), 100, &text), 0);
    assert_slice_equal(text, SLICE("hello\n"));
    assert_int_equal(load_reader.read_file(NULL, &arena, path_of("a"), 6, &text), 0);
    assert_int_equal(load_reader.read_file(NULL, &arena, path_of("a"), 5, &text), -EFBIG);
    assert_int_equal(load_reader.read_file(NULL, &arena, path_of("none"), 5, &text), -ENOENT);
    assert_int_equal(load_reader.read_file(NULL, &arena, path_of(""), 5, &text), -EISDIR);
}

TEST(a_pipe_that_a_command_line_names_is_read_to_its_end)
{
    assert_int_equal(mkfifo(path_of("pipe").ptr, 0600), 0);
    pid_t writer = fork();
    if (writer == 0) {
        int fd = open(path_of("pipe").ptr, O_WRONLY);
        for (int i = 0; i < 30000; i++)
            if (write(fd, "0123456789", 10) != 10)
                _exit(1);
        _exit(0);
    }
    slice text;
    assert_int_equal(load_reader.read_input(NULL, &arena, path_of("pipe"), 1u << 20, &text), 0);
    assert_int_equal(text.len, 300000);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
}

TEST(what_may_make_its_reader_wait_is_no_file_of_a_configuration)
{
    slice text;
    assert_int_equal(mkfifo(path_of("fifo").ptr, 0600), 0);
    assert_int_equal(load_reader.read_file(NULL, &arena, path_of("fifo"), 5, &text), -ESPIPE);
    assert_int_equal(load_reader.read_file(NULL, &arena, SLICE("/dev/null"), 5, &text), -ENODEV);
    assert_slice_equal(find(REFERENCE_FILE, path_of("fifo")), SLICE("error"));
    assert_int_equal(load_reader.read_input(NULL, &arena, SLICE("/dev/null"), 5, &text), 0);
    assert_int_equal(text.len, 0);
}

TEST(patterns_are_sorted_and_a_missing_folder_has_no_files)
{
    slice *paths;
    uint32_t count;
    write_file("b.conf", "");
    write_file("a.conf", "");
    assert_int_equal(load_reader.list_files(NULL, &arena, path_of("*.conf"), &paths, &count), 0);
    assert_int_equal(count, 2);
    assert_true(slice_ends_with(paths[0], SLICE("/a.conf")));
    assert_true(slice_ends_with(paths[1], SLICE("/b.conf")));
    assert_int_equal(load_reader.list_files(NULL, &arena, path_of("none/*"), &paths, &count), 0);
    assert_int_equal(count, 0);
}

TEST(references_come_from_the_environment_files_and_credentials)
{
    assert_int_equal(setenv("LOAD_READER_TEST", "value", 1), 0);
    assert_slice_equal(find(REFERENCE_ENVIRONMENT, SLICE("LOAD_READER_TEST")), SLICE("value"));
    assert_slice_equal(find(REFERENCE_ENVIRONMENT, SLICE("LOAD_READER_TEST_NONE")), SLICE("none"));
    write_file("secret", "s3cret\r\n");
    assert_slice_equal(find(REFERENCE_FILE, path_of("secret")), SLICE("s3cret"));
    assert_slice_equal(find(REFERENCE_FILE, path_of("none")), SLICE("none"));
    assert_slice_equal(find(REFERENCE_FILE, path_of("")), SLICE("error"));
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_slice_equal(find(REFERENCE_CREDENTIAL, SLICE("secret")), SLICE("none"));
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    assert_slice_equal(find(REFERENCE_CREDENTIAL, SLICE("secret")), SLICE("s3cret"));
    assert_slice_equal(find(REFERENCE_CREDENTIAL, SLICE("../secret")), SLICE("none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_whole_up_to_a_limit),
        cmocka_unit_test(a_pipe_that_a_command_line_names_is_read_to_its_end),
        cmocka_unit_test(what_may_make_its_reader_wait_is_no_file_of_a_configuration),
        cmocka_unit_test(patterns_are_sorted_and_a_missing_folder_has_no_files),
        cmocka_unit_test(references_come_from_the_environment_files_and_credentials),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
