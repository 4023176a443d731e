#include "waf/engine/number_text.h"

#include "base/test.h"

TEST(numbers_are_read_as_c_reads_them)
{
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        { "", 0 },
        { "5", 5 },
        { "-5", -5 },
        { "+5", 5 },
        { " \t7x", 7 },
        { "x7", 0 },
        { "007", 7 },
        { "- 5", 0 },
        { "2147483647", INT32_MAX },
        { "1.9", 1 },
        { "--1", 0 },
        { "99999999999999999999", INT32_MAX },
        { "-99999999999", INT32_MIN },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        if (number_of_text(slice_from(cases[i].text)) != cases[i].value)
            fail_msg("\"%s\" is not %lld", cases[i].text, (long long)cases[i].value);
}

TEST(what_is_kept_as_a_number_is_written_as_it_was)
{
    static const char *const plain[] = { "0", "7", "-7", "100", "999999999" };
    static const char *const others[] = { "",   "-",  "-0",  "007",       "+7",
                                          "7 ", " 7", "1e3", "9999999999" };
    int64_t value;
    char text[NUMBER_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LENGTH(plain); i++) {
        assert_true(number_is_plain(slice_from(plain[i]), &value));
        size_t len = number_write(value, text);
        assert_slice_equal(slice_of(text, len), slice_from(plain[i]));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        assert_false(number_is_plain(slice_from(others[i]), &value));
    size_t len = number_write(INT64_MIN, text);
    assert_slice_equal(slice_of(text, len), SLICE("-9223372036854775808"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_as_c_reads_them),
        cmocka_unit_test(what_is_kept_as_a_number_is_written_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
