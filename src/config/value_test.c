#include <errno.h>

#include "base/test.h"
#include "config/value.h"

TEST(durations_carry_units_that_fall)
{
    static const struct {
        slice text;
        int result;
        uint64_t ms;
    } cases[] = {
        { SLICE("500ms"), 0, 500 },
        { SLICE("10s"), 0, 10000 },
        { SLICE("5m"), 0, 300000 },
        { SLICE("1h30m"), 0, 5400000 },
        { SLICE("2d"), 0, 172800000 },
        { SLICE("1d1h1m1s1ms"), 0, 90061001 },
        { SLICE("0s"), 0, 0 },
        { SLICE(""), -EINVAL, 0 },
        { SLICE("10"), -EINVAL, 0 },
        { SLICE("s"), -EINVAL, 0 },
        { SLICE("10sec"), -EINVAL, 0 },
        { SLICE("30m1h"), -EINVAL, 0 },
        { SLICE("1h1h"), -EINVAL, 0 },
        { SLICE("1.5s"), -EINVAL, 0 },
        { SLICE("-1s"), -EINVAL, 0 },
        { SLICE("1h30"), -EINVAL, 0 },
        { SLICE("1S"), -EINVAL, 0 },
        { SLICE("99999999999999999999s"), -ERANGE, 0 },
        { SLICE("9223372036854775807d"), -ERANGE, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        uint64_t ms = 0;
        if (value_duration(cases[i].text, &ms) != cases[i].result || ms != cases[i].ms)
            fail_msg("%.*s", SLICE_ARGUMENTS(cases[i].text));
    }
}

TEST(sizes_are_powers_of_1024)
{
    static const struct {
        slice text;
        int result;
        uint64_t bytes;
    } cases[] = {
        { SLICE("512B"), 0, 512 },      { SLICE("64K"), 0, 65536 },
        { SLICE("64k"), 0, 65536 },     { SLICE("10M"), 0, 10485760 },
        { SLICE("1G"), 0, 1073741824 }, { SLICE("2KiB"), 0, 2048 },
        { SLICE("2MiB"), 0, 2097152 },  { SLICE("1GiB"), 0, 1073741824 },
        { SLICE("10"), -EINVAL, 0 },    { SLICE("10m"), -EINVAL, 0 },
        { SLICE("10MB"), -EINVAL, 0 },  { SLICE("M"), -EINVAL, 0 },
        { SLICE("1.5M"), -EINVAL, 0 },  { SLICE("99999999999G"), -ERANGE, 0 },
        { SLICE(""), -EINVAL, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        uint64_t bytes = 0;
        if (value_size(cases[i].text, &bytes) != cases[i].result || bytes != cases[i].bytes)
            fail_msg("%.*s", SLICE_ARGUMENTS(cases[i].text));
    }
    uint64_t bytes;
    assert_int_equal(value_size_rate(SLICE("1K/s"), &bytes), 0);
    assert_int_equal(bytes, 1024);
    assert_int_equal(value_size_rate(SLICE("1K"), &bytes), -EINVAL);
}

TEST(rates_are_a_count_over_a_period)
{
    static const struct {
        slice text;
        int result;
        uint64_t count, period_ms;
    } cases[] = {
        { SLICE("10/s"), 0, 10, 1000 },
        { SLICE("300/min"), 0, 300, 60000 },
        { SLICE("5/h"), 0, 5, 3600000 },
        { SLICE("1/d"), 0, 1, 86400000 },
        { SLICE("20/10s"), 0, 20, 10000 },
        { SLICE("5r/m"), -EINVAL, 0, 0 },
        { SLICE("5"), -EINVAL, 0, 0 },
        { SLICE("/s"), -EINVAL, 0, 0 },
        { SLICE("5/0s"), -EINVAL, 0, 0 },
        { SLICE("5/"), -EINVAL, 0, 0 },
        { SLICE("99999999999999999999/s"), -ERANGE, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct rate rate = { 0 };
        if (value_rate(cases[i].text, &rate) != cases[i].result || rate.count != cases[i].count ||
            rate.period_ms != cases[i].period_ms)
            fail_msg("%.*s", SLICE_ARGUMENTS(cases[i].text));
    }
}

TEST(percentages_end_at_a_hundred)
{
    uint64_t percent;
    assert_int_equal(value_percent(SLICE("20%"), &percent), 0);
    assert_int_equal(percent, 20);
    assert_int_equal(value_percent(SLICE("101%"), &percent), -ERANGE);
    assert_int_equal(value_percent(SLICE("20"), &percent), -EINVAL);
    assert_int_equal(value_percent(SLICE("%"), &percent), -EINVAL);
}

TEST(values_are_written_as_they_are_read)
{
    static const uint64_t durations[] = { 0, 1, 999, 1000, 61000, 5400000, 86400000, 90061001 };
    for (size_t i = 0; i < ARRAY_LENGTH(durations); i++) {
        char text[64];
        struct writer w = writer_over(text, sizeof text);
        value_write_duration(&w, durations[i]);
        uint64_t again;
        assert_int_equal(value_duration(writer_slice(&w), &again), 0);
        assert_int_equal(again, durations[i]);
    }
    static const uint64_t sizes[] = { 0, 1, 1023, 1024, 1025, 10485760, 1ull << 40, 3ull << 30 };
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        char text[64];
        struct writer w = writer_over(text, sizeof text);
        value_write_size(&w, sizes[i]);
        uint64_t again;
        assert_int_equal(value_size(writer_slice(&w), &again), 0);
        assert_int_equal(again, sizes[i]);
    }
}

TEST(a_wrong_spelling_suggests_the_right_one)
{
    static const struct {
        bool (*suggest)(slice, struct writer *);
        slice text, better;
    } cases[] = {
        { value_suggest_duration, SLICE("10sec"), SLICE("10s") },
        { value_suggest_duration, SLICE("10"), SLICE("10s") },
        { value_suggest_duration, SLICE("5 min"), SLICE("5m") },
        { value_suggest_duration, SLICE("200millis"), SLICE("200ms") },
        { value_suggest_duration, SLICE("1hour30min"), SLICE("1h30m") },
        { value_suggest_duration, SLICE("soon"), SLICE("") },
        { value_suggest_size, SLICE("10megs"), SLICE("10M") },
        { value_suggest_size, SLICE("10MB"), SLICE("10M") },
        { value_suggest_size, SLICE("512"), SLICE("512B") },
        { value_suggest_size, SLICE("big"), SLICE("") },
        { value_suggest_size_rate, SLICE("1K"), SLICE("1K/s") },
        { value_suggest_size_rate, SLICE("1kb/sec"), SLICE("1K/s") },
        { value_suggest_rate, SLICE("5r/m"), SLICE("5/min") },
        { value_suggest_rate, SLICE("5/sec"), SLICE("5/s") },
        { value_suggest_rate, SLICE("5"), SLICE("5/s") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[64];
        struct writer w = writer_over(text, sizeof text);
        assert_int_equal(cases[i].suggest(cases[i].text, &w), cases[i].better.len > 0);
        assert_slice_equal(writer_slice(&w), cases[i].better);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_carry_units_that_fall),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(rates_are_a_count_over_a_period),
        cmocka_unit_test(percentages_end_at_a_hundred),
        cmocka_unit_test(values_are_written_as_they_are_read),
        cmocka_unit_test(a_wrong_spelling_suggests_the_right_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
