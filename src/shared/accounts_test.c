/* What addresses have left: whatever workers do at the same time, and however full the table is. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "shared/memory.h"

#define SECONDS_TO_FILL 50

static struct shared_memory m;
static const struct account_terms terms = { .capacity = 1000, .fill_ms = SECONDS_TO_FILL * 1000 };

static int set_up(UNUSED void **state)
{
    return shared_memory_create(&m);
}

static int tear_down(UNUSED void **state)
{
    shared_memory_close(&m);
    return 0;
}

static int64_t settle(uint32_t who, int64_t points, int64_t now_ms)
{
    return accounts_settle(m.accounts, slice_of((const char *)&who, sizeof who), &terms, points,
                           now_ms);
}

TEST(an_account_begins_full_and_is_charged)
{
    assert_int_equal(settle(1, 0, 5), 1000);
    assert_int_equal(settle(1, -600, 5), 400);
    assert_int_equal(settle(1, -600, 5), -200);
    assert_int_equal(settle(2, -1, 5), 999);
    assert_int_equal(settle(1, 0, 5), -200);
}

TEST(time_and_gifts_fill_it_but_not_above_its_edge)
{
    assert_int_equal(settle(1, -1100, 0), -100);
    assert_int_equal(settle(1, 0, 10), -100); /* less than a point, and not forgotten */
    assert_int_equal(settle(1, 0, 50), -99);
    assert_int_equal(settle(1, 0, 5050), 1);
    assert_int_equal(settle(1, 30, 5050), 31);
    assert_int_equal(settle(1, 5000, 5050), 1000);
    assert_int_equal(settle(1, -10, 5050), 990);
    assert_int_equal(settle(1, 0, 1000000), 1000);
}

TEST(a_debt_has_a_bound)
{
    assert_int_equal(settle(1, -1000000000000, 0), -2000);
    assert_int_equal(settle(1, 0, 2 * SECONDS_TO_FILL * 1000), 0);
    assert_int_equal(settle(1, 1000000000000, 2 * SECONDS_TO_FILL * 1000), 1000);
}

TEST(a_clock_that_lags_takes_nothing_and_one_that_wraps_gives)
{
    assert_int_equal(settle(1, -500, 100000), 500);
    assert_int_equal(settle(1, 0, 90000), 500);
    assert_int_equal(settle(1, -100, 0xffffffff), 900); /* 49 days later */
    assert_int_equal(settle(1, 0, 0xffffffffll + 50), 901);
}

TEST(a_smaller_account_of_a_new_configuration_holds_no_more_than_it_may)
{
    const struct account_terms smaller = { .capacity = 10, .fill_ms = 1000 };
    uint32_t who = 1;
    assert_int_equal(settle(1, -1, 0), 999);
    assert_int_equal(
        accounts_settle(m.accounts, slice_of((const char *)&who, sizeof who), &smaller, 0, 0), 10);
}

TEST(who_owes_is_not_forgotten_for_those_who_do_not)
{
    assert_int_equal(settle(0, -1500, 0), -500);
    for (uint32_t i = 1; i < 8 * ACCOUNTS_MAX; i++)
        assert_int_equal(settle(i, -1, 0), 999);
    assert_int_equal(settle(0, 0, 0), -500);
}

/* Four processes at once, as workers are. */
TEST(nothing_is_lost_between_workers)
{
    enum { WORKERS = 4, CHARGES = 20000 };
    const struct account_terms large = { .capacity = 1 << 20, .fill_ms = 1 << 30 };
    pid_t workers[WORKERS];
    uint32_t who = 7;
    slice key = slice_of((const char *)&who, sizeof who);
    (void)accounts_settle(m.accounts, key, &large, 0, 0);
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        if (workers[i] == 0) {
            for (int k = 0; k < CHARGES; k++)
                (void)accounts_settle(m.accounts, key, &large, -1, 0);
            _exit(0);
        }
        assert_true(workers[i] > 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        int status;
        assert_int_equal(waitpid(workers[i], &status, 0), workers[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(accounts_settle(m.accounts, key, &large, 0, 0), (1 << 20) - WORKERS * CHARGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_account_begins_full_and_is_charged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(time_and_gifts_fill_it_but_not_above_its_edge, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_debt_has_a_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_lags_takes_nothing_and_one_that_wraps_gives,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_smaller_account_of_a_new_configuration_holds_no_more_than_it_may, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_owes_is_not_forgotten_for_those_who_do_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_lost_between_workers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
