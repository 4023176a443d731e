#include "base/test.h"

TEST(slice_compares_without_case)
{
    assert_true(slice_equal_fold(SLICE("Content-LENGTH"), SLICE("content-length")));
    assert_false(slice_equal_fold(SLICE("content-length"), SLICE("content_length")));
    assert_false(slice_equal_fold(SLICE("\xc3\x84"), SLICE("\xc3\xa4"))); /* only ASCII folds */
}

TEST(slice_finds)
{
    assert_int_equal(slice_find(SLICE("abcabd"), SLICE("abd")), 3);
    assert_int_equal(slice_find(SLICE("abc"), SLICE("x")), 3);
    assert_int_equal(slice_find(SLICE(""), SLICE("x")), 0);
    assert_int_equal(slice_find_byte(SLICE("a:b"), ':'), 1);
}

TEST(slice_trims_spaces_and_tabs_only)
{
    assert_slice_equal(slice_trim(SLICE(" \t a b \t")), SLICE("a b"));
    assert_slice_equal(slice_trim(SLICE("\va")), SLICE("\va"));
    assert_slice_equal(slice_trim(SLICE("  ")), SLICE(""));
}

TEST(slice_orders_a_prefix_first)
{
    assert_true(slice_compare(SLICE("ab"), SLICE("abc")) < 0);
    assert_true(slice_compare(SLICE("b"), SLICE("abc")) > 0);
    assert_int_equal(slice_compare(SLICE("abc"), SLICE("abc")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slice_compares_without_case),
        cmocka_unit_test(slice_finds),
        cmocka_unit_test(slice_trims_spaces_and_tabs_only),
        cmocka_unit_test(slice_orders_a_prefix_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
