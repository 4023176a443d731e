/* The words of SecLang: each is told once, explained, and does what is said of it. */
#include "waf/seclang/words.h"

#include <stdio.h>

#include "base/test.h"
#include "waf/operators/operator.h"
#include "waf/seclang/action.h"
#include "waf/seclang/directive.h"
#include "waf/seclang/seclang.h"
#include "waf/seclang/target.h"
#include "waf/transforms/transform.h"

TEST(every_word_is_there_once_and_explained)
{
    unsigned total = 0;
    for (unsigned kind = 0; kind < WORD_KINDS; kind++) {
        struct waf_word word, other;
        for (unsigned i = 0; waf_word_at((enum waf_word_kind)kind, i, &word); i++, total++) {
            assert_true(word.name[0] && word.meaning && word.meaning[0]);
            for (unsigned k = 0; k < i; k++) {
                assert_true(waf_word_at((enum waf_word_kind)kind, k, &other));
                assert_false(slice_equal_fold(slice_from(word.name), slice_from(other.name)));
            }
        }
    }
    assert_true(total > 300);
}

static void assert_known(enum waf_word_kind kind, const char *name)
{
    struct waf_word word;
    for (unsigned i = 0; waf_word_at(kind, i, &word); i++)
        if (strcmp(word.name, name) == 0)
            return;
    fail_msg("%s is no word", name);
}

TEST(every_word_of_the_tables_is_one)
{
    struct ctl_word ctl;
    for (unsigned i = 0; i < waf_directive_row_count; i++)
        assert_known(WORD_DIRECTIVE, waf_directive_rows[i].name);
    for (unsigned i = 0; i < VARIABLE_COUNT; i++)
        assert_known(WORD_VARIABLE, waf_variables[i].name);
    for (unsigned i = 0; i < waf_refused_variable_count; i++)
        assert_known(WORD_VARIABLE, waf_refused_variables[i].name);
    for (size_t i = 0; i < waf_operator_count; i++)
        assert_known(WORD_OPERATOR, waf_operators[i]->name);
    for (size_t i = 0; i < waf_refused_operator_count; i++)
        assert_known(WORD_OPERATOR, waf_refused_operators[i].name);
    for (size_t i = 0; i < waf_transform_count; i++)
        assert_known(WORD_TRANSFORM, waf_transforms[i]->name);
    for (unsigned i = 0; i < waf_action_count; i++)
        assert_known(WORD_ACTION, waf_actions[i].name);
    for (unsigned i = 0; ctl_word_at(i, &ctl); i++)
        assert_known(WORD_CTL, ctl.name);
}

TEST(what_is_said_of_a_difference_is_of_a_word)
{
    unsigned shown = 0;
    for (unsigned kind = 0; kind < WORD_KINDS; kind++) {
        struct waf_word word;
        for (unsigned i = 0; waf_word_at((enum waf_word_kind)kind, i, &word); i++)
            shown += word.difference != NULL && kind != WORD_SELECTOR && kind != WORD_MACRO;
    }
    assert_int_equal(shown, waf_word_differences());
}

TEST(words_are_found_as_they_are_written)
{
    static const struct {
        const char *text, *name;
        enum waf_word_kind kind;
    } cases[] = {
        { "SecRule", "SecRule", WORD_DIRECTIVE },
        { "secruleengine On", "SecRuleEngine", WORD_DIRECTIVE },
        { "ARGS:name", "ARGS", WORD_VARIABLE },
        { "@rx", "rx", WORD_OPERATOR },
        { "!@pmf", "pmFromFile", WORD_OPERATOR },
        { "t:urldecodeuni", "urlDecodeUni", WORD_TRANSFORM },
        { "normalisePath", "normalizePath", WORD_TRANSFORM },
        { "setvar:tx.a=1", "setvar", WORD_ACTION },
        { "ctl:ruleEngine=Off", "ruleEngine", WORD_CTL },
        { "FILES_TMPNAMES", "FILES_TMPNAMES", WORD_VARIABLE },
        { "@rsub", "rsub", WORD_OPERATOR },
    };
    struct waf_word word;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_true(waf_word_find(slice_from(cases[i].text), &word));
        assert_string_equal(word.name, cases[i].name);
        assert_int_equal(word.kind, cases[i].kind);
    }
    assert_false(waf_word_find(SLICE("@nonsense"), &word));
    assert_false(waf_word_find(SLICE("nonsense"), &word));
    assert_false(waf_word_find(SLICE(""), &word));
    assert_false(waf_word_find(SLICE("@"), &word));
}

/* The first error of a text; "" when there is none. */
static const char *first_error(const char *text)
{
    static const struct seclang_world nothing = { 0 };
    static char told[sizeof(((struct waf_problem *)NULL)->text)];
    struct seclang *load = NULL;
    unsigned count, total;
    assert_int_equal(seclang_open(&nothing, &load), 0);
    (void)!seclang_text(load, SLICE("t"), slice_from(text));
    const struct waf_problem *problems = seclang_errors(load, &count, &total);
    snprintf(told, sizeof told, "%s", count ? problems[0].text : "");
    seclang_close(load);
    return told;
}

/* Words of ModSecurity that are refused are named with their reason; none is merely unknown. */
TEST(what_is_refused_is_refused_by_name_with_the_reason)
{
    static const struct {
        enum waf_word_kind kind;
        const char *line;
    } lines[] = {
        { WORD_DIRECTIVE, "%s a b" },
        { WORD_VARIABLE, "SecRule %s x \"id:1\"" },
        { WORD_OPERATOR, "SecRule ARGS \"@%s x\" \"id:1\"" },
        { WORD_ACTION, "SecAction \"id:1,%s:x\"" },
        { WORD_CTL, "SecAction \"id:1,ctl:%s=On\"" },
    };
    unsigned refused = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
        struct waf_word word;
        for (unsigned k = 0; waf_word_at(lines[i].kind, k, &word); k++) {
            char text[256];
            if (word.effect != WORD_REFUSED)
                continue;
            snprintf(text, sizeof text, lines[i].line, word.name);
            const char *told = first_error(text);
            if (!strstr(told, "does not exist here") || !strstr(told, word.meaning))
                fail_msg("%s: %s", text, told);
            refused++;
        }
    }
    assert_true(refused > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_is_there_once_and_explained),
        cmocka_unit_test(every_word_of_the_tables_is_one),
        cmocka_unit_test(what_is_said_of_a_difference_is_of_a_word),
        cmocka_unit_test(words_are_found_as_they_are_written),
        cmocka_unit_test(what_is_refused_is_refused_by_name_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
