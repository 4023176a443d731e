#include "waf/seclang/reader.h"

#include "base/test.h"

#include <errno.h>
#include <stdio.h>

/* All directives of a text as line:column<word><word>…, errors as line:column!text. */
static void print_all(const char *text, char *into, size_t room)
{
    struct arena words, scratch;
    arena_open(&words, NULL, 0, 4096, 1 << 22);
    arena_open(&scratch, NULL, 0, 4096, 1 << 22);
    struct seclang_reader r;
    seclang_reader_open(&r, slice_from(text), &words, &scratch);
    size_t used = 0;
    into[0] = '\0';
    for (;;) {
        struct waf_problem p = { 0 };
        int result = seclang_reader_next(&r, &p);
        if (result == 0)
            break;
        assert_true(result == 1 || result == -EINVAL);
        if (result == -EINVAL)
            used +=
                (size_t)snprintf(into + used, room - used, "%u:%u!%s\n", p.line, p.column, p.text);
        for (unsigned i = 0; result == 1 && i < r.found.words.count; i++) {
            slice word = r.found.words.items[i];
            reader_place(&r.found, word.ptr, &p);
            used += (size_t)snprintf(into + used, room - used, "%u:%u<%.*s>", p.line, p.column,
                                     SLICE_ARGUMENTS(word));
            assert_int_equal(word.ptr[word.len], '\0');
        }
        if (result == 1)
            used += (size_t)snprintf(into + used, room - used, "\n");
        assert_true(used < room);
    }
    arena_close(&scratch);
    arena_close(&words);
}

static const struct {
    const char *text, *expected;
} cases[] = {
    { "", "" },
    { "\n  \n\t\n", "" },
    { "# only this\n", "" },
    { "\xef\xbb\xbfSecMarker A", "1:1<SecMarker>1:11<A>\n" },
    { "SecMarker A\r\nSecMarker B\r\n", "1:1<SecMarker>1:11<A>\n2:1<SecMarker>2:11<B>\n" },
    { "  A b\tc  ", "1:3<A>1:5<b>1:7<c>\n" },
    { "A \"b c\" 'd e'", "1:1<A>1:4<b c>1:10<d e>\n" },
    { "A \"b\"\"c\"", "1:1<A>1:4<b>1:7<c>\n" },
    { "A \"\"", "1:1<A>1:4<>\n" },
    { "A \"b\\\"c\\\\d\\x5c\\'\"", "1:1<A>1:4<b\"c\\d\\x5c\\'>\n" },
    { "A 'b\\'c\\\"'", "1:1<A>1:4<b'c\\\">\n" },
    { "A b\\\\c\\d\\\"e", "1:1<A>1:3<b\\c\\d\\\"e>\n" },
    { "A b\"c d\"", "1:1<A>1:3<b\"c>1:7<d\">\n" },
    { "A \\\n  b\nC", "1:1<A>2:3<b>\n3:1<C>\n" },
    { "A b\\\nc", "1:1<A>1:3<bc>\n" },
    { "A \"b,\\\r\n   c\"\nD", "1:1<A>1:4<b,   c>\n3:1<D>\n" },
    { "A \\\n\\\n\\\nb", "1:1<A>4:1<b>\n" },
    { "# a comment goes on \\\nSecMarker A\nSecMarker B", "3:1<SecMarker>3:11<B>\n" },
    { "A b # c", "1:1<A>1:3<b>1:5<#>1:7<c>\n" },
    { "A b\\", "1:1<A>1:3<b\\>\n" },
    { "A \"b\nC d", "1:3!the quote (\") that begins here is not closed\n2:1<C>2:3<d>\n" },
    { "A 'b", "1:3!the quote (') that begins here is not closed\n" },
    { "A b \\ \nC",
      "1:5!a backslash joins lines only when nothing, not even a space, follows it\n2:1<C>\n" },
};

TEST(words_are_read_as_apache_does)
{
    for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[1024];
        print_all(cases[i].text, text, sizeof(text));
        assert_string_equal(text, cases[i].expected);
    }
}

TEST(a_nul_byte_is_no_text)
{
    struct arena words;
    arena_open(&words, NULL, 0, 4096, 1 << 20);
    struct seclang_reader r;
    struct waf_problem p = { 0 };
    seclang_reader_open(&r, SLICE("A b\0c\nD"), &words, &words);
    assert_int_equal(seclang_reader_next(&r, &p), -EINVAL);
    assert_string_equal(p.text, "a NUL byte");
    assert_int_equal(p.column, 4);
    assert_int_equal(seclang_reader_next(&r, &p), 1);
    assert_slice_equal(r.found.words.items[0], SLICE("D"));
    assert_int_equal(seclang_reader_next(&r, &p), 0);
    arena_close(&words);
}

TEST(every_byte_of_a_word_has_its_place)
{
    struct arena words;
    arena_open(&words, NULL, 0, 4096, 1 << 20);
    struct seclang_reader r;
    struct waf_problem p = { 0 };
    seclang_reader_open(&r, SLICE("A \"b\\\"cd\\\n  e\\\\f\""), &words, &words);
    assert_int_equal(seclang_reader_next(&r, &p), 1);
    slice word = r.found.words.items[1];
    assert_slice_equal(word, SLICE("b\"cd  e\\f"));
    static const unsigned places[][2] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 2, 1 },
                                          { 2, 2 }, { 2, 3 }, { 2, 4 }, { 2, 6 } };
    for (unsigned i = 1; i < word.len; i++) {
        reader_place(&r.found, word.ptr + i, &p);
        assert_int_equal(p.line, places[i][0]);
        assert_int_equal(p.column, places[i][1]);
    }
    reader_place(&r.found, "elsewhere", &p);
    assert_int_equal(p.line, 1);
    assert_int_equal(p.column, 1);
    arena_close(&words);
}

TEST(what_is_too_much_is_refused_and_reading_goes_on)
{
    static char text[READER_LINE_BYTES_MAX + 64];
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text + READER_LINE_BYTES_MAX + 2, "\nB\n", 3);
    struct arena words;
    arena_open(&words, NULL, 0, 4096, 1 << 22);
    struct seclang_reader r;
    struct waf_problem p = { 0 };
    seclang_reader_open(&r, slice_of(text, READER_LINE_BYTES_MAX + 5), &words, &words);
    assert_int_equal(seclang_reader_next(&r, &p), -EINVAL);
    assert_non_null(strstr(p.text, "at most 1048576 are read"));
    assert_int_equal(seclang_reader_next(&r, &p), 1);
    assert_slice_equal(r.found.words.items[0], SLICE("B"));
    for (unsigned i = 0; i < 2 * (READER_WORDS_MAX + 1); i++)
        text[i] = i % 2 ? ' ' : 'w';
    seclang_reader_open(&r, slice_of(text, 2 * READER_WORDS_MAX), &words, &words);
    assert_int_equal(seclang_reader_next(&r, &p), 1);
    seclang_reader_open(&r, slice_of(text, 2 * (READER_WORDS_MAX + 1)), &words, &words);
    assert_int_equal(seclang_reader_next(&r, &p), -EINVAL);
    assert_string_equal(p.text, "a directive with more than 1024 words");
    arena_close(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_read_as_apache_does),
        cmocka_unit_test(a_nul_byte_is_no_text),
        cmocka_unit_test(every_byte_of_a_word_has_its_place),
        cmocka_unit_test(what_is_too_much_is_refused_and_reading_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
