#include "waf/detect/sqli.h"

#include "base/test.h"
#include "waf/detect/sql_word.h"

struct finding {
    const char *value, *fingerprint;
};

static int detect(slice value, struct sqli_result *ret)
{
    struct work work;
    work_open(&work, 0, NULL, NULL);
    return sqli_detect(value, ret, &work);
}

TEST(the_words_are_in_order)
{
    for (size_t i = 0; i < sql_word_count; i++) {
        slice text = slice_from(sql_words[i].text);
        assert_ptr_equal(sql_word_find(text), &sql_words[i]);
        if (i > 0)
            assert_true(slice_compare(slice_from(sql_words[i - 1].text), text) < 0);
    }
    assert_null(sql_word_find(SLICE("portcullis")));
    assert_ptr_equal(sql_word_find(SLICE("SeLeCt")), sql_word_find(SLICE("select")));
}

TEST(fingerprints_are_the_known_ones)
{
    static const struct finding cases[] = {
        { "1 or 1=1", "1&1" },
        { "' or '1'='1", "s&sos" },
        { "admin'--", "sc" },
        { "1' and sleep(5)#", "s&f(1" },
        { "1 union select 1,2,3", "1UE1," },
        { "x' UNION ALL SELECT NULL-- -", "sUEvc" },
        { "1 order by 10", "1B1" },
        { "1) and (1=1", "1)&(1" },
        { "'='", "sos" },
        { "sleep(20)", "f(1)" },
        { "'+sleep(20)+'", "sof(1" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct sqli_result result = { .because = NULL };
        if (detect(slice_from(cases[i].value), &result) != 1)
            fail_msg("%s is not found", cases[i].value);
        assert_string_equal(result.fingerprint, cases[i].fingerprint);
        assert_non_null(result.because);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_are_in_order),
        cmocka_unit_test(fingerprints_are_the_known_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
