/* The record of early data: a ticket's counts once, whoever asks, and however the clock goes. */
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "shared/memory.h"

#define WALL_MS 1700000000000ll

static struct shared_memory m;

static int set_up(UNUSED void **state)
{
    return shared_memory_create(&m);
}

static int tear_down(UNUSED void **state)
{
    shared_memory_close(&m);
    return 0;
}

static bool claim(uint64_t ticket, int64_t after_ms, int64_t clock_gone_back_ms)
{
    return early_data_claim(m.early_data, slice_of((const char *)&ticket, sizeof ticket), after_ms,
                            WALL_MS + after_ms - clock_gone_back_ms);
}

TEST(a_ticket_counts_once_within_the_window)
{
    assert_true(claim(1, 0, 0));
    assert_false(claim(1, 0, 0));
    assert_false(claim(1, 60000, 0));
    assert_true(claim(1, 62000, 0)); /* used anew, not replayed: its age says so */
    assert_false(claim(1, 62001, 0));
    assert_true(claim(2, 62001, 0));
}

TEST(what_was_fresh_once_is_not_fresh_again)
{
    assert_true(claim(1, 0, 0));
    assert_true(claim(2, 100000, 4000)); /* somebody set the clock a little */
    assert_false(claim(3, 101000, 60000));
    assert_false(claim(4, 120000, 60000));
    assert_true(claim(5, 160000, 60000)); /* it is as late as it was */
}

TEST(a_table_that_fills_refuses_and_never_counts_twice)
{
    uint32_t taken = 0;
    for (uint64_t i = 0; i < EARLY_DATA_PLACES; i++)
        taken += claim(i, 0, 0);
    assert_in_range(taken, EARLY_DATA_PLACES / 2, EARLY_DATA_PLACES * 7 / 10);
    for (uint64_t i = 0; i < EARLY_DATA_PLACES; i++)
        assert_false(claim(i, 1000, 0));
}

/* As workers are: each of them is offered every ticket. */
TEST(of_several_workers_one_takes_it)
{
    enum { WORKERS = 4, TICKETS = 5000 };
    _Static_assert(WORKERS * TICKETS < EARLY_DATA_PLACES, "few collisions");
    int told[2];
    uint32_t taken[WORKERS], total = 0;
    assert_int_equal(pipe(told), 0);
    for (int i = 0; i < WORKERS; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            uint32_t count = 0;
            for (uint64_t ticket = 0; ticket < TICKETS; ticket++)
                count += claim(ticket, 0, 0);
            _exit(write(told[1], &count, sizeof count) == sizeof count ? 0 : 1);
        }
        assert_true(pid > 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(read(told[0], &taken[i], sizeof taken[i]), sizeof taken[i]);
        total += taken[i];
    }
    while (wait(NULL) > 0)
        ;
    assert_in_range(total, TICKETS * 9 / 10, TICKETS);
    close(told[0]);
    close(told[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_ticket_counts_once_within_the_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_fresh_once_is_not_fresh_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_that_fills_refuses_and_never_counts_twice, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_several_workers_one_takes_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
