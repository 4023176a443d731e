/* Runs in simulated time. */
#include "base/test.h"
#include "runtime/bundle.h"
#include "runtime/fiber_internal.h"
#include "runtime/loop.h"
#include "runtime/sim/simulation.h"

static void sleep_a_little(UNUSED void *argument)
{
    assert_int_equal(fiber_sleep(loop_now_ms() + 1), 0);
}

static void start_at_once(int count)
{
    struct bundle b;
    bundle_open(&b);
    for (int i = 0; i < count; i++)
        assert_int_equal(bundle_start(&b, "many", sleep_a_little, NULL), 0);
    assert_int_equal(bundle_join(&b, NEVER), 0);
}

static void fill_pool(UNUSED void *argument)
{
    start_at_once(500);
    assert_true(fiber_pool_count() >= 499);
    for (int i = 0; i < 5; i++) /* half of them stay in use */
        if (fiber_sleep(loop_now_ms() + 6000) == 0)
            start_at_once(250);
    assert_in_range(fiber_pool_count(), 240, 260);
    assert_int_equal(fiber_sleep(loop_now_ms() + 30000), 0);
    assert_in_range(fiber_pool_count(), 1, 32); /* those that stay for good */
    loop_stop();
}

TEST(fiber_pool_gives_back_what_is_not_needed)
{
    struct loop_options options = { 0 };
    simulation_open(1);
    assert_int_equal(loop_open(&options), 0);
    assert_int_equal(fiber_start("test", fill_pool, NULL, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_close();
    simulation_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fiber_pool_gives_back_what_is_not_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
