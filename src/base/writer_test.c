#include <stdio.h>

#include "base/test.h"
#include "base/writer.h"

TEST(writer_overflow_is_sticky_and_writes_nothing_more)
{
    char memory[4];
    struct writer w = writer_over(memory, sizeof memory);
    writer_literal(&w, "abc");
    writer_literal(&w, "de");
    assert_true(w.overflowed);
    writer_byte(&w, 'f');
    assert_slice_equal(writer_slice(&w), SLICE("abc"));
}

TEST(writer_writes_numbers)
{
    char memory[128];
    struct writer w = writer_over(memory, sizeof memory);
    writer_decimal(&w, 0);
    writer_byte(&w, ' ');
    writer_decimal(&w, 7);
    writer_byte(&w, ' ');
    writer_decimal(&w, 10);
    writer_byte(&w, ' ');
    writer_decimal(&w, 100);
    writer_byte(&w, ' ');
    writer_decimal(&w, 65535);
    writer_byte(&w, ' ');
    writer_decimal(&w, UINT64_MAX);
    writer_byte(&w, ' ');
    writer_hex(&w, 0xab0);
    writer_byte(&w, ' ');
    writer_seconds_us(&w, 1234567);
    assert_slice_equal(writer_slice(&w),
                       SLICE("0 7 10 100 65535 18446744073709551615 ab0 1.234567"));
}

TEST(numbers_fill_their_room_to_the_last_byte)
{
    uint64_t value = 9;
    for (size_t digits = 1; digits <= 20; digits++, value = value * 10 + 9) {
        char memory[40], expected[40];
        uint64_t number = digits == 20 ? UINT64_MAX : value;
        (void)snprintf(expected, sizeof expected, "%llu", (unsigned long long)number);
        struct writer w = writer_over(memory, digits);
        writer_decimal(&w, number);
        assert_slice_equal(writer_slice(&w), slice_from(expected));
        w = writer_over(memory, digits - 1);
        writer_decimal(&w, number);
        assert_true(w.overflowed && w.len == 0);
    }
    char memory[8];
    struct writer w = writer_over(memory, 8);
    writer_seconds_us(&w, 1000020);
    assert_slice_equal(writer_slice(&w), SLICE("1.000020"));
    w = writer_over(memory, 7);
    writer_seconds_us(&w, 1000020);
    assert_true(w.overflowed);
}

TEST(writer_percent_encodes_any_byte_in_upper_case)
{
    char memory[9];
    struct writer w = writer_over(memory, sizeof memory);
    writer_percent(&w, 0);
    writer_percent(&w, '/');
    writer_percent(&w, 0xff);
    assert_slice_equal(writer_slice(&w), SLICE("%00%2F%FF"));
    w = writer_over(memory, 2);
    writer_percent(&w, '/');
    assert_true(w.overflowed && w.len == 0);
}

TEST(writer_json_is_always_valid)
{
    static const struct {
        slice in, out;
    } cases[] = {
        { SLICE("plain"), SLICE("plain") },
        { SLICE("a\"b\\c"), SLICE("a\\\"b\\\\c") },
        { SLICE("\x01\n\x7f"), SLICE("\\u0001\\n\\u007f") },
        { SLICE("\xc3\xa4"), SLICE("\xc3\xa4") },
        { SLICE("\xc3"), SLICE("\\u00c3") },
        { SLICE("\xed\xa0\x80"), SLICE("\\u00ed\\u00a0\\u0080") }, /* a surrogate */
        { SLICE("\xc0\xaf"), SLICE("\\u00c0\\u00af") },            /* overlong */
        { SLICE("\xf0\x9f\x9a\xaa!"), SLICE("\xf0\x9f\x9a\xaa!") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char memory[64];
        struct writer w = writer_over(memory, sizeof memory);
        writer_json(&w, cases[i].in);
        assert_slice_equal(writer_slice(&w), cases[i].out);
    }
}

TEST(writer_json_finds_what_it_must_escape_wherever_it_stands)
{
    for (size_t at = 0; at < 24; at++)
        for (unsigned byte = 0; byte < 0x80; byte++) {
            char in[24], out[64];
            memset(in, '~', sizeof in);
            in[at] = (char)byte;
            in[sizeof in - 1] = '}'; /* behind it everything is plain again */
            struct writer w = writer_over(out, sizeof out);
            writer_json(&w, slice_of(in, sizeof in));
            bool plain = in[at] >= 0x20 && in[at] != 0x7f && in[at] != '"' && in[at] != '\\';
            assert_int_equal(w.len > sizeof in, !plain);
            assert_int_equal(json_plain(slice_of(in, sizeof in)),
                             plain || at == sizeof in - 1 ? sizeof in : at);
            assert_true(writer_slice(&w).ptr[w.len - 1] == '}');
            assert_memory_equal(out, in, at < sizeof in - 1 ? at : 0);
        }
}

TEST(writer_html_escapes)
{
    char memory[64];
    struct writer w = writer_over(memory, sizeof memory);
    writer_html(&w, SLICE("<a href=\"x\">&'"));
    assert_slice_equal(writer_slice(&w), SLICE("&lt;a href=&quot;x&quot;&gt;&amp;&#39;"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writer_overflow_is_sticky_and_writes_nothing_more),
        cmocka_unit_test(writer_writes_numbers),
        cmocka_unit_test(numbers_fill_their_room_to_the_last_byte),
        cmocka_unit_test(writer_percent_encodes_any_byte_in_upper_case),
        cmocka_unit_test(writer_json_is_always_valid),
        cmocka_unit_test(writer_json_finds_what_it_must_escape_wherever_it_stands),
        cmocka_unit_test(writer_html_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
