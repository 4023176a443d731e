/* The logger's inside: no line torn, none uncounted, whatever the rings and the sinks are like. */
#include "control/log_drain.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "base/writer.h"
#include "control/log_sink.h"

static struct shared_memory m;
static struct log_ring ring;

static int set_up(UNUSED void **state)
{
    if (shared_memory_create(&m) != 0 || sinks_claim(m.sinks, SLICE("/first")) != 0 ||
        sinks_claim(m.sinks, SLICE("/second")) != 1)
        return -1;
    atomic_store(&m.clients->slots_in_use, 3);
    log_ring_open(&ring, m.rings, 1, -1);
    log_drain_open(&m, 0);
    return 0;
}

static int tear_down(UNUSED void **state)
{
    log_drain_close();
    shared_memory_close(&m);
    return 0;
}

/* "line 17 xxxx…": the bytes asked for, newline included. */
static void offer(uint16_t sink, uint32_t number, uint32_t bytes)
{
    char *memory = log_ring_reserve(&ring, LOG_LINE_BYTES_MAX);
    assert_non_null(memory);
    memset(memory, 'x', bytes);
    struct writer w = writer_over(memory, bytes);
    writer_format(&w, "line %u ", number);
    memory[w.len] = 'x';
    memory[bytes - 1] = '\n';
    log_ring_commit(&ring, bytes, sink);
}

static void drain_all(void)
{
    bool more = true;
    while (more)
        (void)log_drain_pass(&more);
}

static struct sink_entry *sink(uint32_t id)
{
    return &m.sinks->sinks[id];
}

/* Every line is whole and they are in order; how many there are. */
static uint32_t check_lines(const char *bytes, size_t length)
{
    uint32_t lines = 0;
    long last = -1;
    slice rest = slice_of(bytes, length);
    while (rest.len) {
        size_t end = slice_find_byte(rest, '\n');
        assert_true(end < rest.len);
        assert_true(end > 6 && memcmp(rest.ptr, "line ", 5) == 0);
        long number = strtol(rest.ptr + 5, NULL, 10);
        assert_true(number > last);
        for (size_t i = slice_find_byte(slice_after(rest, 5), ' ') + 6; i < end; i++)
            assert_int_equal(rest.ptr[i], 'x');
        last = number;
        lines++;
        rest = slice_after(rest, end + 1);
    }
    return lines;
}

static uint32_t check_file(int fd)
{
    static char bytes[4 << 20];
    ssize_t length = pread(fd, bytes, sizeof bytes, 0);
    assert_true(length >= 0);
    return check_lines(bytes, (size_t)length);
}

TEST(lines_go_to_their_own_sink)
{
    int files[2] = { memfd_create("a", 0), memfd_create("b", 0) };
    log_drain_take_sink(0, dup(files[0]));
    log_drain_take_sink(1, dup(files[1]));
    for (uint32_t i = 0; i < 1500; i++)
        offer(i % 3 == 0, i, 20 + i % 300);
    drain_all();
    assert_int_equal(check_file(files[1]), 500);
    assert_int_equal(check_file(files[0]), 1000);
    assert_int_equal(sink(0)->lines, 1000);
    assert_int_equal(sink(1)->taken, 500);
    assert_int_equal(sink(0)->failures + sink(1)->failures, 0);
    close(files[0]);
    close(files[1]);
}

TEST(a_sink_that_is_not_open_yet_keeps_its_lines_in_the_rings)
{
    int file = memfd_create("a", 0);
    log_drain_close();
    log_drain_open(&m, 60000);
    for (uint32_t i = 0; i < 1500; i++) /* more than a buffer holds */
        offer(0, i, 600);
    drain_all();
    assert_true(log_drain_waits());
    assert_int_equal(sink(0)->taken, 0);
    log_drain_take_sink(0, dup(file));
    drain_all();
    assert_int_equal(check_file(file), 1500);
    assert_int_equal(sink(0)->failures, 0);
    assert_false(log_drain_waits());
    close(file);
}

TEST(a_full_disk_loses_only_what_does_not_fit_the_buffer)
{
    int file = memfd_create("a", 0);
    log_drain_take_sink(0, open("/dev/full", O_WRONLY));
    for (uint32_t i = 0; i < 600; i++) {
        offer(0, i, 1000);
        if (i % 50 == 0)
            drain_all();
    }
    drain_all();
    assert_true(log_drain_waits());
    assert_int_equal(sink(0)->taken, 600);
    assert_int_equal(sink(0)->lines, 0);
    assert_int_equal(sink(0)->failures, 600 - SINK_BUFFER_BYTES / 1000);
    log_drain_take_sink(0, dup(file)); /* opened again elsewhere */
    drain_all();
    assert_false(log_drain_waits());
    assert_int_equal(check_file(file), SINK_BUFFER_BYTES / 1000);
    assert_int_equal(sink(0)->lines + sink(0)->failures, 600);
    close(file);
}

TEST(a_line_that_the_full_disk_cut_is_completed_later)
{
    struct rlimit before, small;
    FILE *file = tmpfile();
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    log_drain_take_sink(0, dup(fileno(file)));
    small = before;
    for (uint32_t round = 1; round <= 20; round++) {
        small.rlim_cur = round * 1537; /* in the middle of lines */
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        for (uint32_t i = 0; i < 5; i++)
            offer(0, round * 5 + i, 330);
        drain_all();
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    drain_all();
    assert_int_equal(check_file(fileno(file)), 100);
    assert_int_equal(sink(0)->lines, 100);
    assert_int_equal(sink(0)->failures, 0);
    (void)fclose(file);
}

TEST(a_stuck_reader_holds_up_nobody_and_gets_whole_lines)
{
    static char bytes[4 << 20];
    int ends[2], file = memfd_create("b", 0);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    log_drain_take_sink(0, dup(ends[1]));
    log_drain_take_sink(1, dup(file));
    for (uint32_t i = 0; i < 1000; i++) {
        offer(0, i, 700);
        offer(1, i, 20);
        if (i % 100 == 0)
            drain_all();
    }
    drain_all();
    assert_int_equal(check_file(file), 1000); /* the other sink did not wait */
    assert_true(sink(0)->failures > 0);
    size_t have = 0;
    do {
        ssize_t got = read(ends[0], bytes + have, sizeof bytes - have);
        have += got > 0 ? (size_t)got : 0;
        drain_all();
    } while (log_drain_waits());
    ssize_t got;
    while ((got = read(ends[0], bytes + have, sizeof bytes - have)) > 0)
        have += (size_t)got;
    uint32_t lines = check_lines(bytes, have);
    assert_int_equal(lines, sink(0)->lines);
    assert_int_equal(lines + sink(0)->failures, 1000);
    close(ends[0]);
    close(ends[1]);
    close(file);
}

TEST(a_reader_that_went_away_costs_the_line_it_was_reading)
{
    int ends[2];
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    log_drain_take_sink(0, ends[1]);
    offer(0, 0, 10000); /* two chunks and a part */
    (void)fcntl(ends[1], F_SETPIPE_SZ, 4096);
    drain_all();
    close(ends[0]);
    offer(0, 1, 100);
    drain_all();
    assert_int_equal(sink(0)->failures, 1);
    int file = memfd_create("b", 0);
    log_drain_take_sink(0, dup(file));
    drain_all();
    assert_int_equal(check_file(file), 1);
    close(file);
}

TEST(what_a_killed_logger_had_taken_is_counted_as_lost)
{
    for (uint32_t i = 0; i < 10; i++)
        offer(0, i, 100);
    pid_t killed = fork();
    if (killed == 0) {
        drain_all(); /* the sink is not open: they wait in memory that then is gone */
        _exit(0);
    }
    assert_int_equal(waitpid(killed, NULL, 0), killed);
    for (uint32_t i = 10; i < 25; i++)
        offer(0, i, 100);
    int file = memfd_create("a", 0);
    log_drain_open(&m, 0);
    log_drain_take_sink(0, dup(file));
    drain_all();
    assert_int_equal(check_file(file), 15);
    assert_int_equal(sink(0)->failures, 10);
    log_drain_close();
    log_drain_open(&m, 0);
    assert_int_equal(sink(0)->failures, 10);
    close(file);
}

static uint32_t count_descriptors(void)
{
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* A worker that was taken over may write what it likes into its ring and into the table. */
TEST(a_hostile_ring_neither_crashes_the_logger_nor_opens_anything)
{
    struct log_ring_shared *r = &m.rings->rings[2];
    int file = memfd_create("a", 0);
    log_drain_take_sink(0, dup(file));
    for (uint32_t i = 2; i < SINKS_MAX; i++) {
        atomic_store(&m.sinks->sinks[i].is_set, 1);
        memset(m.sinks->sinks[i].path, 'p', sizeof m.sinks->sinks[i].path);
    }
    uint32_t descriptors = count_descriptors();
    srandom(3);
    for (int round = 0; round < 3000; round++) {
        uint64_t tail = atomic_load(&r->tail);
        for (int i = 0; i < 64; i++) {
            uint32_t junk[2] = { (uint32_t)random() % (round % 2 ? 64 : 20000),
                                 (uint32_t)random() % (2 * SINKS_MAX) };
            memcpy(r->data + (tail + (uint64_t)i * 8) % LOG_RING_BYTES, junk, sizeof junk);
        }
        atomic_store(&r->head,
                     round % 5 ? tail + (uint64_t)random() % LOG_RING_BYTES : (uint64_t)random());
        offer(0, (uint32_t)round, 50); /* an honest one beside it */
        bool more;
        (void)log_drain_pass(&more);
    }
    drain_all();
    assert_false(log_drain_report());
    assert_int_equal(count_descriptors(), descriptors);
    assert_true(sink(0)->taken >= 3000);
    close(file);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(lines_go_to_their_own_sink),
        CASE(a_sink_that_is_not_open_yet_keeps_its_lines_in_the_rings),
        CASE(a_full_disk_loses_only_what_does_not_fit_the_buffer),
        CASE(a_line_that_the_full_disk_cut_is_completed_later),
        CASE(a_stuck_reader_holds_up_nobody_and_gets_whole_lines),
        CASE(a_reader_that_went_away_costs_the_line_it_was_reading),
        CASE(what_a_killed_logger_had_taken_is_counted_as_lost),
        CASE(a_hostile_ring_neither_crashes_the_logger_nor_opens_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
