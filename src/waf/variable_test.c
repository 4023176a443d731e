#include "waf/variable.h"

#include "base/test.h"
#include "waf/rule.h"

#include <errno.h>

TEST(every_variable_is_found_by_its_name)
{
    for (unsigned i = 0; i < VARIABLE_COUNT; i++) {
        enum variable_id id = VARIABLE_COUNT;
        assert_non_null(waf_variables[i].name);
        assert_int_equal(variable_find(slice_from(waf_variables[i].name), &id), 0);
        assert_int_equal(id, i);
        assert_in_range(waf_variables[i].phase, 1, 5);
    }
    enum variable_id id;
    assert_int_equal(variable_find(SLICE("request_Headers"), &id), 0);
    assert_int_equal(id, VARIABLE_REQUEST_HEADERS);
    assert_int_equal(variable_find(SLICE("ARG"), &id), -ENOENT);
    assert_int_equal(variable_find(SLICE(""), &id), -ENOENT);
}

TEST(a_misspelt_variable_is_suggested)
{
    assert_string_equal(variable_suggest(SLICE("ARG")), "ARGS");
    assert_string_equal(variable_suggest(SLICE("request_header")), "REQUEST_HEADERS");
    assert_string_equal(variable_suggest(SLICE("REQUEST_COOKIE_NAMES")), "REQUEST_COOKIES_NAMES");
    assert_null(variable_suggest(SLICE("COMPLETELY_ELSE")));
    assert_null(variable_suggest(SLICE("")));
}

TEST(severities_are_words_or_digits)
{
    assert_int_equal(severity_parse(SLICE("critical")), 2);
    assert_int_equal(severity_parse(SLICE("7")), 7);
    assert_int_equal(severity_parse(SLICE("8")), -EINVAL);
    assert_int_equal(severity_parse(SLICE("")), -EINVAL);
    assert_string_equal(severity_name(2), "CRITICAL");
    assert_string_equal(severity_name(SEVERITY_NONE), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_variable_is_found_by_its_name),
        cmocka_unit_test(a_misspelt_variable_is_suggested),
        cmocka_unit_test(severities_are_words_or_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
