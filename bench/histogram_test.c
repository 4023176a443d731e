#include "base/test.h"

#include "histogram.h"

TEST(an_empty_histogram_answers_zero)
{
    struct histogram histogram = { 0 };
    assert_int_equal(histogram_quantile_ns(&histogram, 999), 0);
}

TEST(small_values_are_exact)
{
    struct histogram histogram = { 0 };
    for (int64_t value = 1; value <= 50; value++)
        histogram_add(&histogram, value);
    assert_int_equal(histogram_quantile_ns(&histogram, 500), 25);
    assert_int_equal(histogram_quantile_ns(&histogram, 1000), 50);
    assert_int_equal(histogram_quantile_ns(&histogram, 0), 1);
}

TEST(quantiles_of_large_values_are_within_a_sixty_fourth)
{
    struct histogram histogram = { 0 };
    for (int64_t value = 1; value <= 100000; value++)
        histogram_add(&histogram, value * 1000);
    static const unsigned wanted[] = { 1, 500, 900, 990, 999 };
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
        int64_t exact = (int64_t)wanted[i] * 100000, got;
        got = histogram_quantile_ns(&histogram, wanted[i]);
        assert_true(got >= exact && got <= exact + exact / 64);
    }
}

TEST(the_largest_quantile_is_the_longest_time)
{
    struct histogram histogram = { 0 };
    histogram_add(&histogram, 1000);
    histogram_add(&histogram, 1234567);
    assert_int_equal(histogram_quantile_ns(&histogram, 1000), 1234567);
}

TEST(times_out_of_range_are_kept_at_the_ends)
{
    struct histogram histogram = { 0 };
    histogram_add(&histogram, -5);
    histogram_add(&histogram, INT64_MAX);
    assert_int_equal(histogram.count, 2);
    assert_int_equal(histogram_quantile_ns(&histogram, 500), 0);
    assert_int_equal(histogram_quantile_ns(&histogram, 1000), (INT64_C(1) << 41) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_histogram_answers_zero),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(quantiles_of_large_values_are_within_a_sixty_fourth),
        cmocka_unit_test(the_largest_quantile_is_the_longest_time),
        cmocka_unit_test(times_out_of_range_are_kept_at_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
