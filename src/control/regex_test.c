#include <errno.h>

#include "base/test.h"
#include "control/regex.h"

TEST(what_is_plainly_exponential_is_refused)
{
    static const struct {
        slice pattern;
        bool is_explosive;
    } cases[] = {
        { SLICE("(a+)+"), true },         { SLICE("(a*)*"), true },
        { SLICE("^(?:\\d+)+$"), true },   { SLICE("([a-z]+)*"), true },
        { SLICE("(a|b+)*"), true },       { SLICE("((a+))+"), true },
        { SLICE("(a{2,})+"), true },      { SLICE("(?<n>x*){3,}"), true },
        { SLICE("(^a+$)+"), true },       { SLICE("([]a]+)+"), true },
        { SLICE("(a+)"), false },         { SLICE("(a+)?"), false },
        { SLICE("(a+){2,5}"), false },    { SLICE("(/[a-z]+)*"), false },
        { SLICE("(a++)+"), false },       { SLICE("a+b+"), false },
        { SLICE("(ab+)*"), false },       { SLICE("\\(a+\\)+"), false },
        { SLICE("[(a+)]+"), false },      { SLICE("(a{2})+"), false },
        { SLICE("(?:foo|bar)+"), false }, { SLICE("a{,3}"), false },
        { SLICE("[[:alpha:]+]"), false }, { SLICE("(a"), false },
        { SLICE("a\\"), false },          { SLICE("["), false },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        size_t at;
        if (regex_is_explosive(cases[i].pattern, &at) != cases[i].is_explosive)
            fail_msg("%.*s", SLICE_ARGUMENTS(cases[i].pattern));
    }
}

TEST(groups_nest_so_deep_and_no_deeper)
{
    char text[300];
    memset(text, '(', sizeof text);
    size_t at;
    assert_true(regex_is_explosive(slice_of(text, sizeof text), &at));
}

TEST(a_pattern_that_does_not_compile_says_where)
{
    struct regex_error why;
    struct pattern *code = NULL;
    assert_int_equal(regex_compile(SLICE("^/api/(v1"), &code, &why), -EINVAL);
    assert_int_equal(why.at, 9);
    assert_true(strlen(why.text) > 5);
    assert_int_equal(regex_compile(SLICE("^/api/(v1|v2)$"), &code, &why), 0);
    regex_free(code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_plainly_exponential_is_refused),
        cmocka_unit_test(groups_nest_so_deep_and_no_deeper),
        cmocka_unit_test(a_pattern_that_does_not_compile_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
