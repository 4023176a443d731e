/* Rules that ask lists in the DNS: what is asked, and what follows from each answer. */
#include <errno.h>

#include "waf/engine/engine_test.h"
#include "waf/lists.h"

#define GET "GET /p?a=192.0.2.77&a=192.0.2.78&a=no+name&b=2001:db8::1 HTTP/1.0\r\n\r\n"

/* A list of one name, which counts who asks. */
struct testing_list {
    struct waf_lists lists;
    slice listed;
    uint8_t address[4];
    int result; /* for what is not listed */
    unsigned asked;
};

static int find(struct waf_lists *lists, const struct list_question *q, uint8_t ret_address[4])
{
    struct testing_list *l = CONTAINER_OF(lists, struct testing_list, lists);
    l->asked++;
    if (!slice_equal(q->name, l->listed))
        return l->result;
    memcpy(ret_address, l->address, 4);
    return 1;
}

static struct testing_list list_of(slice name)
{
    return (struct testing_list){ .lists = { find }, .listed = name, .address = { 127, 0, 0, 2 } };
}

static void check(struct testing_list *list, const char *rules, const char *expected)
{
    char text[4096];
    struct engine_run r;
    struct waf_world world = engine_world();
    world.lists = list ? &list->lists : NULL;
    snprintf(text, sizeof text, ENGINE_PREFIX "%s", rules);
    struct ruleset *loaded = engine_rules(text);
    engine_begin(&r, loaded, &world);
    engine_replay(&r, GET, "");
    assert_string_equal(r.outcome, expected);
    engine_end(&r);
    ruleset_free(loaded);
}

TEST(what_is_listed_matches_and_says_so)
{
    struct testing_list list = list_of(SLICE("77.2.0.192.list.example"));
    check(&list, "SecRule ARGS:a `@rbl list.example` `id:1,phase:2,deny,capture,msg:'%{tx.0}'`",
          "deny 403 by 1 | 1 ARGS:a=192.0.2.77 {RBL lookup of 77.2.0.192.list.example succeeded at "
          "ARGS:a.}");
    assert_int_equal(list.asked, 1);
}

TEST(what_is_not_listed_does_not_match)
{
    struct testing_list list = list_of(SLICE("1.2.0.192.list.example"));
    check(&list, "SecRule ARGS:a `@rbl list.example` `id:1,phase:2,deny`", "pass");
    assert_int_equal(list.asked, 2); /* "no name" is nothing to ask for */
}

TEST(a_negated_question_matches_what_is_not_listed)
{
    struct testing_list list = list_of(SLICE("77.2.0.192.list.example"));
    check(&list, "SecRule ARGS:a `!@rbl list.example` `id:1,phase:2,pass,log`",
          "pass | 1 ARGS:a=192.0.2.78 | 1 ARGS:a=no name");
}

TEST(addresses_of_ipv6_are_asked_for)
{
    struct testing_list list = list_of(
        SLICE("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.list.example"));
    check(&list, "SecRule ARGS:b `@rbl list.example` `id:1,phase:2,deny`",
          "deny 403 by 1 | 1 ARGS:b=2001:db8::1");
}

TEST(the_head_of_a_chain_is_asked_once)
{
    struct testing_list list = list_of(SLICE("77.2.0.192.list.example"));
    check(&list,
          "SecRule ARGS:a `@rbl list.example` `id:1,phase:2,deny,chain`\nSecRule ARGS:b `@rx 2001`",
          "deny 403 by 1 | 1 ARGS:b=2001:db8::1");
    assert_int_equal(list.asked, 2);
}

TEST(a_key_is_asked_with_and_not_told_wherever_it_is_written)
{
    struct testing_list list = list_of(SLICE("abcdefghijkl.1.2.0.192.dnsbl.httpbl.org"));
    memcpy(list.address, (uint8_t[]){ 127, 9, 30, 4 }, 4);
    check(&list,
          "SecRule REMOTE_ADDR `@rbl dnsbl.httpbl.org` `id:1,phase:1,deny,capture,msg:'%{tx.0}'`\n"
          "SecHttpBlKey abcdefghijkl",
          "deny 403 by 1 | 1 REMOTE_ADDR=192.0.2.1 {RBL lookup of 1.2.0.192.dnsbl.httpbl.org "
          "succeeded at REMOTE_ADDR. Comment spammer IP: 9 days since last activity, threat score "
          "30}");
}

TEST(without_a_key_or_a_world_nobody_is_asked)
{
    struct testing_list list = list_of(SLICE("1.2.0.192.dnsbl.httpbl.org"));
    check(&list, "SecRule REMOTE_ADDR `@rbl dnsbl.httpbl.org` `id:1,phase:1,deny`", "pass");
    assert_int_equal(list.asked, 0);
    check(NULL, "SecRule REMOTE_ADDR `@rbl list.example` `id:1,phase:1,deny`", "pass");
}

TEST(an_answer_that_lists_nothing_is_no_match)
{
    static const uint8_t answers[][4] = { { 127, 255, 255, 254 }, { 192, 0, 2, 1 } };
    for (size_t i = 0; i < ARRAY_LENGTH(answers); i++) {
        struct testing_list list = list_of(SLICE("1.2.0.192.list.example"));
        memcpy(list.address, answers[i], 4);
        check(&list, "SecRule REMOTE_ADDR `@rbl list.example` `id:1,phase:1,deny`", "pass");
        assert_int_equal(list.asked, 1);
    }
}

TEST(who_wants_no_verdict_any_more_gets_none)
{
    struct testing_list list = list_of(SLICE("nothing"));
    struct engine_run r;
    struct waf_world world = engine_world();
    struct ruleset *rules =
        engine_rules("SecRule REMOTE_ADDR `@rbl list.example` `id:1,phase:1,pass`");
    list.result = -ECANCELED;
    world.lists = &list.lists;
    engine_begin(&r, rules, &world);
    assert_int_equal(waf_run(r.t, WAF_REQUEST_HEADERS), -ECANCELED);
    engine_end(&r);
    ruleset_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_listed_matches_and_says_so),
        cmocka_unit_test(what_is_not_listed_does_not_match),
        cmocka_unit_test(a_negated_question_matches_what_is_not_listed),
        cmocka_unit_test(addresses_of_ipv6_are_asked_for),
        cmocka_unit_test(the_head_of_a_chain_is_asked_once),
        cmocka_unit_test(a_key_is_asked_with_and_not_told_wherever_it_is_written),
        cmocka_unit_test(without_a_key_or_a_world_nobody_is_asked),
        cmocka_unit_test(an_answer_that_lists_nothing_is_no_match),
        cmocka_unit_test(who_wants_no_verdict_any_more_gets_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
