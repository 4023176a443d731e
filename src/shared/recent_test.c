/* The ring of recent exchanges: what it keeps, what a racing or hostile worker can do to a reader.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "shared/recent.h"

#define SLOT 7u

static struct recent_segment *segment;
static char copy[RECENT_RECORD_BYTES_MAX];

static int set_up(UNUSED void **state)
{
    segment = mmap(NULL, sizeof *segment, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    srandom(1);
    return segment == MAP_FAILED ? -1 : 0;
}

static int tear_down(UNUSED void **state)
{
    return munmap(segment, sizeof *segment);
}

static void put(struct recent *r, int number, uint32_t bytes)
{
    char *to = recent_reserve(r, bytes);
    memset(to, (char)number, bytes);
    memcpy(to, &number, sizeof number);
    recent_commit(r, bytes);
}

/* The number of a record whose bytes all belong together. */
static int number_of(uint32_t bytes)
{
    int number;
    memcpy(&number, copy, sizeof number);
    for (uint32_t i = sizeof number; i < bytes; i++)
        assert_int_equal(copy[i], (char)number);
    return number;
}

TEST(ring_keeps_the_newest_in_order_also_for_the_next_worker_of_the_slot)
{
    struct recent r;
    recent_open(&r, segment, SLOT);
    for (int i = 0; i < 20000; i++) {
        put(&r, i, 8 + (uint32_t)random() % (i % 50 ? 2000 : RECENT_RECORD_BYTES_MAX - 8));
        if (i % 5000 == 0)
            recent_open(&r, segment, SLOT);
        if (i % 1000 != 999)
            continue;
        struct recent_walk w;
        uint32_t bytes;
        int last = -1;
        recent_walk_open(&w, segment, SLOT);
        for (; recent_walk_read(&w, copy, sizeof copy, &bytes); recent_walk_pass(&w, bytes)) {
            int number = number_of(bytes);
            assert_true(last < 0 || number == last + 1);
            last = number;
        }
        assert_int_equal(last, i);
    }
}

TEST(what_a_dying_worker_had_begun_was_never_there)
{
    struct recent r;
    struct recent_walk w;
    uint32_t bytes;
    recent_open(&r, segment, SLOT);
    put(&r, 1, 100);
    memset(recent_reserve(&r, 500), 'x', 500);
    recent_open(&r, segment, SLOT);
    put(&r, 2, 100);
    recent_walk_open(&w, segment, SLOT);
    for (int number = 1; number <= 2; number++) {
        assert_true(recent_walk_read(&w, copy, sizeof copy, &bytes));
        assert_int_equal(number_of(bytes), number);
        recent_walk_pass(&w, bytes);
    }
    assert_false(recent_walk_read(&w, copy, sizeof copy, &bytes));
}

TEST(reader_sees_whole_records_while_the_worker_overwrites_them)
{
    struct recent r;
    recent_open(&r, segment, SLOT);
    for (int i = 0; i < 3000; i++)
        put(&r, i, 1000);
    pid_t writer = fork();
    if (writer == 0)
        for (int i = 0;; i++)
            put(&r, i, 64 + (uint32_t)random() % 3000);
    unsigned seen = 0;
    for (int i = 0; i < 50; i++) {
        struct recent_walk w;
        uint32_t bytes;
        recent_walk_open(&w, segment, SLOT);
        for (; recent_walk_read(&w, copy, sizeof copy, &bytes); recent_walk_pass(&w, bytes))
            seen += number_of(bytes) >= 0;
    }
    kill(writer, SIGKILL);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    assert_true(seen > 0);
}

TEST(hostile_content_leads_nobody_outside)
{
    struct recent r;
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < 64; i++)
            segment->rings[SLOT][(size_t)random() % RECENT_RING_BYTES] = (char)random();
        segment->positions[SLOT].tail = (uint64_t)random() << (random() % 33);
        if (round % 2)
            segment->positions[SLOT].head =
                segment->positions[SLOT].tail + (uint64_t)random() % RECENT_RING_BYTES;
        struct recent_walk w;
        uint32_t bytes;
        recent_walk_open(&w, segment, SLOT);
        for (; recent_walk_read(&w, copy, sizeof copy, &bytes); recent_walk_pass(&w, bytes))
            assert_true(bytes <= RECENT_RECORD_BYTES_MAX);
        recent_open(&r, segment, SLOT);
        put(&r, round, RECENT_RECORD_BYTES_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            ring_keeps_the_newest_in_order_also_for_the_next_worker_of_the_slot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_dying_worker_had_begun_was_never_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reader_sees_whole_records_while_the_worker_overwrites_them,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_content_leads_nobody_outside, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
