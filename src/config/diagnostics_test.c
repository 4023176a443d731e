#include "base/test.h"
#include "config/diagnostics.h"

static struct diagnostics diagnostics;
static char text[DIAGNOSTIC_TEXT_MAX];

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

static slice as_text(const struct diagnostic *item)
{
    struct writer w = writer_over(text, sizeof text);
    diagnostic_write_text(&w, item, &(struct diagnostic_style){ .colours = false });
    assert_false(w.overflowed);
    return writer_slice(&w);
}

TEST(a_place_is_shown_with_its_line_and_a_caret)
{
    struct source source = { .name = SLICE("a.conf"), .text = SLICE("x\n\tb\xc3\xa4 cde f\n") };
    struct span where = { .source = &source, .offset = 7, .length = 3, .line = 2, .column = 5 };
    struct diagnostic *item = diagnostics_add(&diagnostics, E0304, &where, "'%s' is wrong", "b");
    diagnostic_label(&diagnostics, item, "got cde");
    diagnostic_help(&diagnostics, item, "did you mean 'cdf'?");
    diagnostic_note(&diagnostics, item, "noted");
    assert_slice_equal(as_text(item), SLICE("error[E0304]: 'b' is wrong\n"
                                            " --> a.conf:2:5\n"
                                            "2 | \tb\xc3\xa4 cde f\n"
                                            "  | \t   ^^^ got cde\n"
                                            "  = help: did you mean 'cdf'?\n"
                                            "  = note: noted\n"));
}

TEST(a_secret_is_never_shown)
{
    struct source source = { .name = SLICE("a.conf"), .text = SLICE("password hunter2 # x") };
    struct span where = { .source = &source, .offset = 9, .length = 7, .line = 1, .column = 10 };
    struct diagnostic *item = diagnostics_add(&diagnostics, W0701, &where, "a secret");
    diagnostic_hide(item);
    slice shown = as_text(item);
    assert_int_equal(slice_find(shown, SLICE("hunter2")), shown.len);
    assert_int_not_equal(slice_find(shown, SLICE("password *** # x")), shown.len);
    struct writer w = writer_over(text, sizeof text);
    diagnostic_write_json(&w, item);
    shown = writer_slice(&w);
    assert_int_equal(slice_find(shown, SLICE("hunter2")), shown.len);
}

TEST(json_is_one_object)
{
    struct source source = { .name = SLICE("a\".conf"), .text = SLICE("x \"y\"") };
    struct span where = { .source = &source, .offset = 2, .length = 3, .line = 1, .column = 3 };
    struct diagnostic *item = diagnostics_add(&diagnostics, W0702, &where, "never used");
    struct writer w = writer_over(text, sizeof text);
    diagnostic_write_json(&w, item);
    assert_slice_equal(writer_slice(&w),
                       SLICE("{\"severity\":\"warning\",\"code\":\"W0702\",\"message\":\"never "
                             "used\",\"file\":\"a\\\".conf\",\"line\":1,\"column\":3,\"columns\":3,"
                             "\"source\":\"x \\\"y\\\"\"}"));
}

TEST(a_long_line_is_cut_around_its_place)
{
    static char long_line[5000];
    memset(long_line, 'a', sizeof long_line);
    memcpy(long_line + 4000, " here ", 6);
    struct source source = { .name = SLICE("a.conf"), .text = slice_of(long_line, 5000) };
    struct span where = {
        .source = &source, .offset = 4001, .length = 4, .line = 1, .column = 4002
    };
    struct diagnostic *item = diagnostics_add(&diagnostics, E0304, &where, "wrong");
    assert_true(item->line_text.len <= 400);
    slice shown = as_text(item);
    size_t line = slice_find(shown, SLICE("1 | ")), caret = slice_find(shown, SLICE("^^^^\n"));
    size_t caret_line = slice_find(shown, SLICE("\n  | "));
    assert_int_equal(slice_find(slice_after(shown, line), SLICE("here")), caret - caret_line - 1);
}

TEST(what_is_cut_ends_with_a_whole_character)
{
    static char euros[4096], shown[DIAGNOSTIC_TEXT_MAX];
    for (size_t shift = 0; shift < 3; shift++) {
        struct diagnostics list;
        struct writer w = writer_over(euros, sizeof euros), s = writer_over(shown, sizeof shown);
        for (size_t i = 0; i < shift; i++)
            writer_byte(&w, 'x');
        for (size_t i = 0; i < 1000; i++)
            writer_text(&w, "\xe2\x82\xac");
        struct source source = { .name = SLICE("f"), .text = writer_slice(&w) };
        struct span span = { &source, 0, 1, 1, 1 };
        diagnostics_open(&list);
        diagnostics_add(&list, E0101, &span, "%.*s", SLICE_ARGUMENTS(writer_slice(&w)));
        diagnostic_write_json(&s, &list.items[0]);
        /* bytes that are not UTF-8 would have been written as \u00XX */
        assert_int_equal(slice_find(writer_slice(&s), SLICE("\\u00")), s.len);
        assert_false(s.overflowed);
        diagnostics_close(&list);
    }
}

TEST(control_characters_do_not_reach_the_terminal)
{
    struct source source = { .name = SLICE("a.conf"), .text = SLICE("a \x1b[31m b") };
    struct span where = { .source = &source, .offset = 2, .length = 1, .line = 1, .column = 3 };
    struct diagnostic *item = diagnostics_add(&diagnostics, E0101, &where, "bad \x1b");
    assert_int_equal(slice_find_byte(as_text(item), 0x1b), as_text(item).len);
}

TEST(what_does_not_fit_is_counted)
{
    for (uint32_t i = 0; i < DIAGNOSTICS_MAX + 10; i++) {
        struct diagnostic *item = diagnostics_add(&diagnostics, E0304, NULL, "error %u", i);
        diagnostic_help(&diagnostics, item, "help");
    }
    assert_int_equal(diagnostics.count, DIAGNOSTICS_MAX);
    assert_int_equal(diagnostics.errors, DIAGNOSTICS_MAX + 10);
}

TEST(they_are_ordered_by_place)
{
    struct source source = { .name = SLICE("a.conf"), .text = SLICE("abc") };
    struct span late = { .source = &source, .offset = 2, .length = 1, .line = 1, .column = 3 };
    struct span early = { .source = &source, .offset = 0, .length = 1, .line = 1, .column = 1 };
    diagnostics_add(&diagnostics, E0304, &late, "late");
    diagnostics_add(&diagnostics, E0304, &early, "early 1");
    diagnostics_add(&diagnostics, E0305, &early, "early 2");
    diagnostics_sort(&diagnostics);
    assert_slice_equal(diagnostics.items[0].message, SLICE("early 1"));
    assert_slice_equal(diagnostics.items[1].message, SLICE("early 2"));
    assert_slice_equal(diagnostics.items[2].message, SLICE("late"));
}

TEST(every_code_has_a_name_and_is_found_by_it)
{
    for (size_t i = 0; i < code_description_count; i++) {
        const struct code_description *code = &code_descriptions[i];
        assert_ptr_equal(code_find(slice_from(code->name)), code);
        assert_ptr_equal(code_describe(code->code), code);
        assert_int_equal(code->name[0] == 'W', code_is_warning(code->code));
        assert_true(strlen(code->title) > 5 && strlen(code->explanation) > 20);
    }
    assert_null(code_find(SLICE("E9999")));
    assert_non_null(code_find(SLICE("e0407")));
}

#define IN_ORDER(test) cmocka_unit_test_setup_teardown(test, open, close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ORDER(a_place_is_shown_with_its_line_and_a_caret),
        IN_ORDER(a_secret_is_never_shown),
        IN_ORDER(json_is_one_object),
        IN_ORDER(a_long_line_is_cut_around_its_place),
        cmocka_unit_test(what_is_cut_ends_with_a_whole_character),
        IN_ORDER(control_characters_do_not_reach_the_terminal),
        IN_ORDER(what_does_not_fit_is_counted),
        IN_ORDER(they_are_ordered_by_place),
        IN_ORDER(every_code_has_a_name_and_is_found_by_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
