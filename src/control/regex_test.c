#include <errno.h>

#include "base/test.h"
#include "control/regex.h"
#include "waf/patterns/pattern.h"

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

/* What takes exponential time elsewhere is decided as fast as any other. */
TEST(repetitions_in_repetitions_are_linear)
{
    static const char *const texts[] = { "^/(a+)+$", "^/([a-z]+)*x$", "^(a|aa)+$", "^/(?:\\d+)+z" };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct regex_error why;
        struct pattern *code = NULL;
        assert_int_equal(regex_compile(slice_from(texts[i]), &code, &why), 0);
        assert_true(pattern_is_linear(code));
        regex_free(code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_that_does_not_compile_says_where),
        cmocka_unit_test(repetitions_in_repetitions_are_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
