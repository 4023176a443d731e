#include <errno.h>

#include "base/number.h"
#include "base/test.h"

TEST(number_takes_digits_only)
{
    static const struct {
        slice text;
        int result;
        uint64_t value;
    } cases[] = {
        { SLICE("0"), 0, 0 },
        { SLICE("0042"), 0, 42 },
        { SLICE("18446744073709551615"), 0, UINT64_MAX },
        { SLICE("18446744073709551616"), -ERANGE, 0 },
        { SLICE("99999999999999999999999"), -ERANGE, 0 },
        { SLICE(""), -EINVAL, 0 },
        { SLICE("+1"), -EINVAL, 0 },
        { SLICE("-1"), -EINVAL, 0 },
        { SLICE(" 1"), -EINVAL, 0 },
        { SLICE("1 "), -EINVAL, 0 },
        { SLICE("0x1"), -EINVAL, 0 },
        { SLICE("1,2"), -EINVAL, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        uint64_t value = 0;
        assert_int_equal(number_parse(cases[i].text, UINT64_MAX, &value), cases[i].result);
        assert_int_equal(value, cases[i].value);
    }
}

TEST(number_respects_its_range)
{
    uint64_t value;
    assert_int_equal(number_parse(SLICE("65535"), 65535, &value), 0);
    assert_int_equal(number_parse(SLICE("65536"), 65535, &value), -ERANGE);
    assert_int_equal(number_parse_hex(SLICE("Ff"), 255, &value), 0);
    assert_int_equal(value, 255);
    assert_int_equal(number_parse_hex(SLICE("fg"), 255, &value), -EINVAL);
}

TEST(sizes_do_not_wrap)
{
    size_t result = 7;
    assert_false(size_add(SIZE_MAX, 1, &result));
    assert_false(size_multiply(SIZE_MAX / 2, 3, &result));
    assert_int_equal(result, 7);
    assert_true(size_add(1, 2, &result));
    assert_int_equal(result, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_takes_digits_only),
        cmocka_unit_test(number_respects_its_range),
        cmocka_unit_test(sizes_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
