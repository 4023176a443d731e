/* The engine over a table of its own: kinds that no directive of this version uses are tested too.
 */
#include "base/test.h"
#include "config/memory_reader.h"
#include "config/schema.h"

struct thing {
    uint32_t count;
    uint64_t share, events;
    uint8_t mode;
    int64_t span_ms;
};

static const struct directive rows[] = {
    { .name = "password",
      .scopes = SCOPE_TOP,
      .arguments = { { .name = "SECRET", .kind = ARGUMENT_SECRET } },
      .example = "password ${cred:x}" },
    { .name = "share",
      .scopes = SCOPE_TOP | SCOPE_SITE,
      .arguments = { { .name = "SHARE",
                       .kind = ARGUMENT_PERCENT,
                       .min = 5,
                       .max = 50,
                       STORED(struct thing, share) } },
      .example = "share 20%" },
    { .name = "events",
      .scopes = SCOPE_TOP,
      .arguments = { { .name = "RATE",
                       .kind = ARGUMENT_RATE,
                       .min = 1,
                       .max = 1000,
                       STORED(struct thing, events) },
                     { .name = "burst",
                       .kind = ARGUMENT_NUMBER,
                       .form = FORM_KEYWORD,
                       .min = 1,
                       .max = 9 },
                     { .name = "quiet", .kind = ARGUMENT_TEXT, .form = FORM_FLAG } },
      .example = "events 10/s" },
    { .name = "mode",
      .scopes = SCOPE_SITE,
      .arguments = { { .name = "MODE",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "slow|fast",
                       .later = "warp",
                       STORED(struct thing, mode) } },
      .example = "mode fast" },
    { .name = "site",
      .scopes = SCOPE_TOP,
      .block_scope = SCOPE_SITE,
      .is_repeatable = true,
      .arguments = { { .name = "HOST", .kind = ARGUMENT_NAME, .form = FORM_MANY } },
      .example = "site a { }" },
    { .name = "timeout",
      .scopes = SCOPE_SITE,
      .block_scope = SCOPE_TIMEOUT,
      .takes_inline = true,
      .is_repeatable = true,
      .merges = true,
      .example = "timeout idle 1s" },
    { .name = "idle",
      .scopes = SCOPE_TIMEOUT,
      .arguments = { { .name = "SPAN",
                       .kind = ARGUMENT_DURATION,
                       .min = 1,
                       .max = 100000,
                       STORED(struct thing, span_ms) } },
      .example = "idle 1s" },
    { .name = "file",
      .scopes = SCOPE_TOP,
      .is_repeatable = true,
      .arguments = { { .name = "first", .kind = ARGUMENT_TEXT, .form = FORM_FLAG },
                     { .name = "PATH", .kind = ARGUMENT_TEXT },
                     { .name = "MORE", .kind = ARGUMENT_TEXT, .form = FORM_SOME } },
      .example = "file x" },
};
static const struct directive_table table = { "Test", rows, ARRAY_LENGTH(rows) };
static const struct directive_table *const tables[] = { &table, NULL };
static const char *const later[] = { "shield", NULL };
static const struct habit habits[] = {
    { "location", "that is 'site' here" },
    { "quick", "that is 'fast' here", "mode" },
    { HABIT_ANY_NUMBER, "a share is in %", "share" },
    { "also", "only names stand here", "file" },
    { NULL },
};

static struct diagnostics diagnostics;
static struct arena arena;
static struct schema schema;
static struct files files;
static struct memory_reader memory;
static struct reader reader;

static int open(UNUSED void **state)
{
    diagnostics_open(&diagnostics);
    arena_open(&arena, NULL, 0, 4096, 64u << 20);
    schema = (struct schema){ .tables = tables, .later = later, .habits = habits };
    reader = memory_reader(&memory);
    return schema_open(&schema, &arena);
}

static int close(UNUSED void **state)
{
    diagnostics_close(&diagnostics);
    arena_close(&arena);
    return 0;
}

static void check(const char *text)
{
    diagnostics_close(&diagnostics);
    diagnostics_open(&diagnostics);
    files = (struct files){ .arena = &arena, .reader = &reader, .diagnostics = &diagnostics };
    assert_int_equal(files_read_text(&files, SLICE("t.conf"), slice_from(text)), 0);
    assert_int_equal(schema_check(&schema, &files, &arena), 0);
    diagnostics_sort(&diagnostics);
}

/* Exactly these codes, in order of place; `help` is in the first one. */
static void assert_codes(const char *text, const enum diagnostic_code *codes, size_t count,
                         const char *help)
{
    check(text);
    if (diagnostics.count != count)
        fail_msg("%s: %u diagnostics", text, diagnostics.count);
    for (size_t i = 0; i < count; i++)
        if (diagnostics.items[i].code != codes[i])
            fail_msg("%s: number %zu is %u", text, i, diagnostics.items[i].code);
    slice shown = diagnostics.items[0].help;
    if (help && slice_find(shown, slice_from(help)) == shown.len)
        fail_msg("%s: help is \"%.*s\"", text, SLICE_ARGUMENTS(shown));
}
#define assert_one(text, code, help)                                                               \
    assert_codes(text, (const enum diagnostic_code[]){ code }, 1, help)

TEST(values_are_read_and_stored)
{
    check("share 20%\nevents 30/min quiet burst 3\nsite a b { mode fast; timeout idle 2s }");
    assert_int_equal(diagnostics.count, 0);
    struct thing thing = { 0 };
    struct statement *share = files.first->tree.root.first, *events = share->next,
                     *mode = events->next->first, *idle = mode->next->first;
    directive_store(share->directive, share->values, &thing);
    directive_store(events->directive, events->values, &thing);
    directive_store(mode->directive, mode->values, &thing);
    directive_store(idle->directive, idle->values, &thing);
    assert_int_equal(thing.share, 20);
    assert_int_equal(thing.events, 30);
    assert_int_equal(events->values->arguments[0].rate.period_ms, 60000);
    assert_int_equal(events->values->arguments[1].number, 3);
    assert_true(events->values->arguments[2].is_set);
    assert_int_equal(thing.mode, 1);
    assert_int_equal(thing.span_ms, 2000);
    assert_int_equal(events->next->values->arguments[0].count, 2);
}

TEST(a_leading_flag_stands_in_front_only)
{
    check("file first a b\nfile a first");
    assert_int_equal(diagnostics.count, 0);
    struct statement *one = files.first->tree.root.first;
    assert_true(one->values->arguments[0].is_set);
    assert_slice_equal(one->values->arguments[1].text, SLICE("a"));
    assert_int_equal(one->values->arguments[2].count, 1);
    assert_false(one->next->values->arguments[0].is_set);
    assert_slice_equal(one->next->values->arguments[2].text, SLICE("first"));
}

TEST(a_secret_in_the_text_is_a_warning_that_does_not_show_it)
{
    assert_one("password hunter2", W0701, "${cred:NAME}");
    assert_true(diagnostics.items[0].hides_text);
    check("password key hunter2 now");
    char shown[1024];
    struct writer w = writer_over(shown, sizeof shown);
    assert_int_equal(diagnostics.count, 2);
    for (uint32_t i = 0; i < 2; i++)
        diagnostic_write_text(&w, &diagnostics.items[i], &(struct diagnostic_style){ 0 });
    assert_int_equal(slice_find(writer_slice(&w), SLICE("hunter2")), w.len);
    check("password ${env:X}");
    assert_int_equal(diagnostics.count, 0);
}

TEST(directives_are_known_in_their_place)
{
    assert_one("shaer 20%", E0201, "did you mean 'share'?");
    assert_one("location / { mode fast }", E0201, "that is 'site' here");
    assert_one("shield x { a { b } }", E0204, NULL);
    assert_one("shild x", E0201, "not built yet");
    assert_one("mode fast", E0202, "it belongs in: a 'site'");
    assert_one("moed fast", E0201, "It belongs in: a 'site'");
    assert_one("site a { timeout ilde 1s }", E0201, "did you mean 'idle'?");
    assert_one("site a { timeout x 1s }", E0201, "'timeout' knows: idle");
    assert_one("site a { password ${env:x} }", E0202, "it belongs in: the top level");
}

TEST(blocks_stand_where_they_belong)
{
    assert_one("site a", E0205, "for example:  site a { }");
    assert_one("share 20% { x }", E0206, NULL);
    assert_one("site a { timeout }", E0205, NULL);
    assert_one("site a { timeout idle 1s { } }", E0303, NULL);
}

TEST(arguments_have_kinds_ranges_and_numbers)
{
    assert_one("share", E0301, "it is written:  share SHARE");
    assert_one("share 20", E0304, NULL);
    assert_one("share 4%", E0305, "allowed: 5% to 50%");
    assert_one("share 51%", E0305, NULL);
    assert_one("share 20% 30%", E0303, NULL);
    assert_one("events 5r/m", E0304, "did you mean '5/min'?");
    assert_one("events 1001/s", E0305, NULL);
    assert_one("events 5/s brust 3", E0303, "did you mean 'burst'?");
    assert_one("events 5/s burst", E0301, NULL);
    assert_one("events 5/s burst 3 burst 4", E0303, NULL);
    assert_one("events 5/s burst 10", E0305, "allowed: 1 to 9");
    assert_one("site a { mode quick }", E0306, NULL);
    assert_one("site a { mode fsat }", E0306, "did you mean 'fast'?");
    assert_one("site a { mode warp }", E0204, NULL);
    assert_one("site a/b { }", E0304, NULL);
    assert_one("share ${env:no}", E0503, NULL);
}

TEST(words_of_other_programs_are_told_as_arguments_too)
{
    assert_one("site a { mode quick }", E0306, "that is 'fast' here");
    assert_one("share 20", E0304, "a share is in %");
    assert_one("share 20% 30", E0303, "a share is in %");
    assert_one("file x y also", E0303, "only names stand here");
    assert_one("quick x", E0201, NULL); /* no directive */
    check("file also");
    assert_int_equal(diagnostics.count, 0); /* what stands alone is a value */
}

TEST(the_value_of_a_reference_is_not_shown)
{
    assert_one("share ${env:X}", E0304, NULL);
    slice label = diagnostics.items[0].label;
    assert_slice_equal(label, SLICE("got the value of ${env:X}"));
}

TEST(a_setting_is_written_once)
{
    assert_one("share 20%\nshare 30%", E0203, "first at t.conf:1");
    assert_one("site a { share 20%; share 30% }", E0203, NULL);
    assert_one("site a { timeout idle 1s; timeout { idle 2s } }", E0203, NULL);
    check("share 20%\nsite a { share 20% }\nsite b { share 20% }");
    assert_int_equal(diagnostics.count, 0);
}

TEST(all_errors_come_at_once_and_none_follows_from_another)
{
    static const enum diagnostic_code codes[] = { E0201, E0304, E0201, E0301, E0202 };
    assert_codes("foo { bar { baz } }\nshare x\nsite a { bar\n timeout idle\n events 1/s }", codes,
                 ARRAY_LENGTH(codes), NULL);
}

#define IN_ORDER(test) cmocka_unit_test_setup_teardown(test, open, close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ORDER(values_are_read_and_stored),
        IN_ORDER(a_leading_flag_stands_in_front_only),
        IN_ORDER(a_secret_in_the_text_is_a_warning_that_does_not_show_it),
        IN_ORDER(directives_are_known_in_their_place),
        IN_ORDER(blocks_stand_where_they_belong),
        IN_ORDER(arguments_have_kinds_ranges_and_numbers),
        IN_ORDER(words_of_other_programs_are_told_as_arguments_too),
        IN_ORDER(the_value_of_a_reference_is_not_shown),
        IN_ORDER(a_setting_is_written_once),
        IN_ORDER(all_errors_come_at_once_and_none_follows_from_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
