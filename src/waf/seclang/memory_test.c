/* When memory ends while rules are loaded: each request fails once, the load says so or does
 * without, and nothing is left. The linker puts the functions below in front of those of the arena
 * and of the C library. */
#include "base/test.h"
#include "waf/memory_faults_test.h"
#include "waf/seclang/complete_rules.h"
#include "waf/waf.h"

/* Behind complete_rules: what is found out when all has been read. */
static const char tail[] =
    "SecAction \"id:101,tag:x,skipAfter:NOWHERE,initcol:ip=%{remote_addr}\"\n"
    "SecRule XML:/* \"@within a b %{tx.c}\" \"id:102,msg:'a\\'b',multiMatch,t:cssDecode\"\n"
    "SecRuleUpdateTargetById 102 !REQUEST_COOKIES:/^_ga/\nSecRuleRemoveByTag y\n";
static const char wrong[] = "SecRule WRONG a id:4\nSecFrobnicate 1\nSecRule ARGS \"@rx (\" id:5\n";

/* true: it had all the memory it wanted */
static bool load_all(bool is_wrong)
{
    struct seclang_world world = complete_world();
    struct seclang *l = NULL;
    struct ruleset *rules = NULL;
    int result = seclang_open(&world, &l);
    if (result) {
        assert_int_equal(result, -ENOMEM);
        return false;
    }
    slice texts[] = { slice_from(complete_rules), slice_from(tail), slice_from(wrong) };
    bool had_all = true;
    for (size_t i = 0; i < ARRAY_LENGTH(texts) - !is_wrong && had_all; i++) {
        result = seclang_text(l, SLICE("t"), texts[i]);
        assert_true(result == 0 || result == -ENOMEM || (i == 2 && result == -EINVAL));
        had_all &= result == (i == 2 ? -EINVAL : 0);
    }
    if (had_all && !is_wrong) {
        result = seclang_finish(l, &rules);
        if (result == 0)
            result = waf_prepare(rules);
        assert_true(result == 0 || result == -ENOMEM);
        had_all = result == 0;
    }
    seclang_close(l);
    ruleset_free(rules);
    return had_all;
}

static void fail_each(bool is_wrong)
{
    uint32_t failed = 0;
    for (uint32_t count = 0;; count++) {
        int64_t before = held;
        requests = 0;
        failing = count;
        is_counting = true;
        bool had_all = load_all(is_wrong);
        is_counting = false;
        assert_int_equal(held, before);
        failed += !had_all;
        if (requests <= count) {
            assert_true(had_all);
            break;
        }
    }
    assert_true(failed > 10);
}

TEST(the_rules_have_every_word_that_works)
{
    for (unsigned i = 0; i < waf_directive_row_count; i++)
        if (waf_directive_rows[i].effect == DIRECTIVE_WORKS)
            assert_true(complete_has("", waf_directive_rows[i].name));
    for (unsigned i = 0; i < waf_action_count; i++)
        if (waf_actions[i].kind != ACTION_REFUSED)
            assert_true(complete_has("", waf_actions[i].name));
    for (size_t i = 0; i < waf_transform_count; i++)
        assert_true(complete_has("t:", waf_transforms[i]->name));
    for (size_t i = 0; i < waf_operator_count; i++)
        assert_true(complete_has("@", waf_operators[i]->name));
}

TEST(a_load_survives_each_request_that_fails)
{
    fail_each(false);
}

TEST(so_does_one_with_errors)
{
    fail_each(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_have_every_word_that_works),
        cmocka_unit_test(a_load_survives_each_request_that_fails),
        cmocka_unit_test(so_does_one_with_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
