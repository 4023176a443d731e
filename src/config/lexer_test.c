#include "base/test.h"
#include "config/lexer.h"

static struct diagnostics diagnostics;

static int open(UNUSED void **state)
{
    diagnostics_open(&diagnostics);
    return 0;
}

static int close(UNUSED void **state)
{
    diagnostics_close(&diagnostics);
    return 0;
}

/* Letters for kinds: w word, s string, r raw, { } ; n newline, # comment, ! broken before it. */
static void lex(slice text, char *ret_kinds, size_t room)
{
    struct source source = { .name = SLICE("test.conf"), .text = text };
    struct lexer l;
    struct token t;
    size_t count = 0;
    lexer_open(&l, &source, &diagnostics);
    for (lexer_next(&l, &t); t.kind != TOKEN_END && count + 2 < room; lexer_next(&l, &t)) {
        if (t.is_broken)
            ret_kinds[count++] = '!';
        ret_kinds[count++] = "wsr{};n#"[t.kind];
    }
    ret_kinds[count] = '\0';
}

static void assert_kinds(slice text, const char *expected)
{
    char kinds[256];
    lex(text, kinds, sizeof kinds);
    if (strcmp(kinds, expected) != 0)
        fail_msg("%.*s: %s, expected %s", SLICE_ARGUMENTS(text), kinds, expected);
}

TEST(words_strings_and_raw_texts)
{
    assert_kinds(SLICE("to 127.0.0.1:3000\n"), "wwn");
    assert_kinds(SLICE("a \"b c\" `d \" e`"), "wsr");
    assert_kinds(SLICE("a;b"), "w;w");
    assert_kinds(SLICE("a \\\n  b"), "ww");
    assert_kinds(SLICE("a \\\r\n  b\r\n"), "wwn");
    assert_kinds(SLICE("a b\\\n c"), "www");
    assert_kinds(SLICE("\xef\xbb\xbf"
                       "a"),
                 "w");
    assert_kinds(SLICE("a \xc3\xa4\xc3\xb6"), "ww");
    assert_int_equal(diagnostics.errors, 0);
}

TEST(comments_begin_where_a_word_could)
{
    assert_kinds(SLICE("# all\na # b { ; \"\nc#d"), "#nw#nw");
    assert_int_equal(diagnostics.errors, 0);
}

TEST(braces_open_blocks_and_variables)
{
    assert_kinds(SLICE("site a { to b }"), "ww{ww}");
    assert_kinds(SLICE("site a { to b}"), "ww{ww}");
    assert_kinds(SLICE("site a {}"), "ww{}");
    assert_kinds(SLICE("a {host} https://{host}{uri} {header.X-Id}"), "wwww");
    assert_kinds(SLICE("a ${env:X:-a b} \"${file:/x}\""), "wws");
    assert_int_equal(diagnostics.errors, 0);
    assert_kinds(SLICE("site a {to b }"), "ww{ww}");
    assert_kinds(SLICE("site a{ to b }"), "ww{ww}");
    assert_int_equal(diagnostics.errors, 2);
    assert_int_equal(diagnostics.items[0].code, E0103);
    assert_int_equal(diagnostics.items[1].code, E0103);
}

TEST(what_cannot_be_read_is_one_error_each)
{
    static const struct {
        slice text;
        const char *kinds;
        enum diagnostic_code code;
    } cases[] = {
        { SLICE("a \"b\nc"), "w!snw", E0106 },
        { SLICE("a `b\nc"), "w!r", E0106 },
        { SLICE("a \"\\d\" b"), "w!sw", E0107 },
        { SLICE("a \"\\u{d800}\""), "w!s", E0107 },
        { SLICE("a \"\\u{110000}\""), "w!s", E0107 },
        { SLICE("a \"\\u{0}\""), "w!s", E0107 },
        { SLICE("a x{host b"), "w!ww", E0108 },
        { SLICE("a ${env:X\nb"), "w!wnw", E0108 },
        { SLICE("a \x01"
                "b"),
          "w!w", E0101 },
        { SLICE("a \x7f"), "w!w", E0101 },
        { SLICE("a \xc3("), "w!w", E0101 },
        { SLICE("a \xed\xa0\x80"), "w!w", E0101 },
        { SLICE("a \"\x01\x02\""), "w!s", E0101 },
        { SLICE("a # \xff"), "w!#", E0101 },
        { SLICE("a\0b"), "!w", E0101 },
        { SLICE("a\rb"), "!w", E0101 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        diagnostics_close(&diagnostics);
        diagnostics_open(&diagnostics);
        assert_kinds(cases[i].text, cases[i].kinds);
        if (diagnostics.errors != 1 || diagnostics.items[0].code != cases[i].code)
            fail_msg("%.*s: %u errors", SLICE_ARGUMENTS(cases[i].text), diagnostics.errors);
    }
}

TEST(places_count_lines_and_characters)
{
    struct source source = { .text = SLICE("a b\n  \xc3\xa4\xc3\xa4 c \\\n d `x\ny` e") };
    static const struct {
        uint32_t line, column;
    } expected[] = {
        { 1, 1 }, { 1, 3 }, { 1, 4 }, { 2, 3 }, { 2, 6 }, { 3, 2 }, { 3, 4 }, { 4, 4 }
    };
    struct lexer l;
    struct token t;
    lexer_open(&l, &source, &diagnostics);
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
        lexer_next(&l, &t);
        if (t.span.line != expected[i].line || t.span.column != expected[i].column)
            fail_msg("token %zu at %u:%u", i, t.span.line, t.span.column);
    }
    lexer_next(&l, &t);
    assert_int_equal(t.kind, TOKEN_END);
    lexer_next(&l, &t);
    assert_int_equal(t.kind, TOKEN_END);
}

#define IN_ORDER(test) cmocka_unit_test_setup_teardown(test, open, close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ORDER(words_strings_and_raw_texts),
        IN_ORDER(comments_begin_where_a_word_could),
        IN_ORDER(braces_open_blocks_and_variables),
        IN_ORDER(what_cannot_be_read_is_one_error_each),
        IN_ORDER(places_count_lines_and_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
