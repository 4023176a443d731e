/* Phases, chains, flow and decisions: what ModSecurity 2 does, a sentence a case. */
#include <errno.h>

#include "waf/engine/engine_test.h"

#define GET "GET /?a=1&b=2 HTTP/1.1\r\nHost: example.test\r\nX-One: 1\r\n\r\n"
#define FORM                                                                                       \
    "POST /?a=1 HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nb=2"
#define WHERE " `@rx .` `id:"

TEST(rules_run_in_their_phase_in_the_order_of_the_file)
{
    static const struct engine_case cases[] = {
        { "phases go before the order of the file",
          "SecRule ARGS" WHERE "2,phase:2,pass,log`\nSecRule ARGS" WHERE "1,phase:1,pass,log`", GET,
          "pass | 1 ARGS:a=1 | 1 ARGS:b=2 | 2 ARGS:a=1 | 2 ARGS:b=2" },
        { "in phase 1 ARGS holds the query alone",
          "SecRule ARGS" WHERE "1,phase:1,pass,log`\nSecRule ARGS" WHERE "2,phase:2,pass,log`",
          FORM, "pass | 1 ARGS:a=1 | 2 ARGS:a=1 | 2 ARGS:b=2" },
        { "deny ends the phases but the last",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,deny,log`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:1,pass,log`\n"
          "SecRule ARGS:a `@rx 1` `id:3,phase:2,pass,log`\n"
          "SecRule ARGS:a `@rx 1` `id:5,phase:5,pass,log`",
          GET, "deny 403 by 1 | 1 ARGS:a=1 | 5 ARGS:a=1" },
        { "the first matching value is enough for deny",
          "SecRule ARGS `@rx .` `id:1,phase:1,deny,log,status:406`", GET,
          "deny 406 by 1 | 1 ARGS:a=1" },
        { "disruptive actions do nothing in phase 5",
          "SecRule ARGS:a `@rx 1` `id:1,phase:5,deny,log`", GET, "pass | 1 ARGS:a=1" },
        { "the response is seen in phases 3 and 4",
          "SecRule RESPONSE_STATUS `@eq 200` `id:3,phase:3,pass,log`\n"
          "SecRule ARGS:a `@rx 1` `id:4,phase:4,pass,log`",
          GET, "pass | 3 RESPONSE_STATUS=200 | 4 ARGS:a=1" },
        { "pass goes on", "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,log`", GET,
          "pass | 1 ARGS:a=1" },
        { "nolog is not told", "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,nolog`", GET, "pass" },
        { "block is what SecDefaultAction says",
          "SecDefaultAction `phase:1,log,deny,status:418`\n"
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,block`",
          GET, "deny 418 by 1 | 1 ARGS:a=1" },
        { "drop and redirect are decisions too",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,redirect:'https://x.test/%{ARGS.b}',log`", GET,
          "redirect 302 to https://x.test/2 by 1 | 1 ARGS:a=1" },
        { "what a client writes into a location stays within it",
          "SecRule ARGS:c `@rx .` `id:1,phase:1,redirect:'https://x.test/%{ARGS.c}',log`",
          "GET /?c=a%0d%0aSet-Cookie:%20b=%c3%bc%2541%00 HTTP/1.1\r\n\r\n",
          "redirect 302 to https://x.test/a%0D%0ASet-Cookie:%20b=%C3%BC%41%00 by 1"
          " | 1 ARGS:c=a\r\nSet-Cookie: b=\xc3\xbc%41" },
        { "drop has no status", "SecRule ARGS:a `@rx 1` `id:1,phase:1,drop,log`", GET,
          "drop by 1 | 1 ARGS:a=1" },
        { "off is off", "SecRuleEngine Off\nSecRule ARGS:a `@rx 1` `id:1,phase:1,deny,log`", GET,
          "pass" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(detection_only_tells_and_does_everything_but_refuse)
{
    static const struct engine_case cases[] = {
        { "the decision is only told",
          "SecRuleEngine DetectionOnly\nSecRule ARGS `@rx .` `id:1,phase:1,deny,log`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:2,pass,log`",
          GET, "pass (deny 403 by 1) | 1 ARGS:a=1 | 1 ARGS:b=2 | 2 ARGS:a=1" },
        { "ctl:ruleEngine changes the mode on the way",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,nolog,ctl:ruleEngine=DetectionOnly`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:1,deny,log`",
          GET, "pass (deny 403 by 2) | 2 ARGS:a=1" },
        { "ctl:ruleEngine=Off ends everything",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,nolog,ctl:ruleEngine=Off`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:1,deny,log`\n"
          "SecRule ARGS:a `@rx 1` `id:3,phase:2,deny,log`",
          GET, "pass" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(allow_has_three_forms)
{
    static const struct engine_case cases[] = {
        { "allow ends all phases but the last",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,allow,log`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:1,deny,log`\n"
          "SecRule ARGS:a `@rx 1` `id:3,phase:2,deny,log`\n"
          "SecRule ARGS:a `@rx 1` `id:4,phase:4,deny,log`\n"
          "SecRule ARGS:a `@rx 1` `id:5,phase:5,pass,log`",
          GET, "allow by 1 | 1 ARGS:a=1 | 5 ARGS:a=1" },
        { "allow:phase ends its phase",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,allow:phase,log`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:1,deny,log`\n"
          "SecRule ARGS:a `@rx 1` `id:3,phase:2,deny,log`",
          GET, "deny 403 by 3 | 1 ARGS:a=1 | 3 ARGS:a=1" },
        { "allow:request ends the phases of the request",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,allow:request,log`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:2,deny,log`\n"
          "SecRule ARGS:a `@rx 1` `id:3,phase:3,deny,log`",
          GET, "deny 403 by 3 | 1 ARGS:a=1 | 3 ARGS:a=1" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(skipping_stays_in_its_phase)
{
    static const struct engine_case cases[] = {
        { "skipAfter goes on behind the marker",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,nolog,skipAfter:END`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:1,pass,log`\nSecMarker END\n"
          "SecRule ARGS:a `@rx 1` `id:3,phase:1,pass,log`",
          GET, "pass | 3 ARGS:a=1" },
        { "rules of another phase are not skipped",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,nolog,skipAfter:END`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:2,pass,log`\nSecMarker END",
          GET, "pass | 2 ARGS:a=1" },
        { "a marker that is not found ends the phase",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,nolog,skipAfter:NOWHERE`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:1,pass,log`\n"
          "SecRule ARGS:a `@rx 1` `id:3,phase:2,pass,log`",
          GET, "pass | 3 ARGS:a=1" },
        { "a chain skips only when all of it matches",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,nolog,skipAfter:END,chain`\n"
          "SecRule ARGS:b `@rx 9`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:1,pass,log`\nSecMarker END",
          GET, "pass | 2 ARGS:a=1" },
        { "skip counts rules, a chain as one",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,nolog,skip:2`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:1,pass,log,chain`\nSecRule ARGS:b `@rx 2`\n"
          "SecRule ARGS:a `@rx 1` `id:3,phase:1,pass,log`\n"
          "SecRule ARGS:a `@rx 1` `id:4,phase:1,pass,log`",
          GET, "pass | 4 ARGS:a=1" },
        { "what does not match does not skip",
          "SecRule ARGS:a `@rx 9` `id:1,phase:1,pass,nolog,skipAfter:END`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:1,pass,log`\nSecMarker END",
          GET, "pass | 2 ARGS:a=1" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(chains_match_as_a_whole_and_act_link_by_link)
{
    static const struct engine_case cases[] = {
        { "the rule speaks of the last link",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,deny,log,msg:'m %{MATCHED_VAR}',chain`\n"
          "SecRule ARGS:b `@rx 2`",
          GET, "deny 403 by 1 | 1 ARGS:b=2 {m 2}" },
        { "a chain that fails does not disrupt",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,deny,log,chain`\nSecRule ARGS:b `@rx 9`", GET,
          "pass" },
        { "a setvar of a head whose chain fails stays",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,deny,log,setvar:tx.x=7,chain`\n"
          "SecRule ARGS:b `@rx 9` `setvar:tx.y=1`\n"
          "SecRule TX:x|TX:y `@rx .` `id:2,phase:1,pass,log`",
          GET, "pass | 2 TX:x=7" },
        { "the head runs over all its values, then the next link once",
          "SecRule ARGS `@rx .` `id:1,phase:1,pass,log,setvar:tx.head=+1,chain`\n"
          "SecRule ARGS:a `@rx 1` `setvar:tx.second=+1`\n"
          "SecRule TX:head|TX:second `@rx .` `id:2,phase:1,pass,log`",
          GET, "pass | 1 ARGS:a=1 | 2 TX:head=2 | 2 TX:second=1" },
        { "a link without targets is an action",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,log,chain`\n"
          "SecAction `setvar:tx.x=1,chain`\nSecRule TX:x `@eq 1`",
          GET, "pass | 1 TX:x=1" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(actions_run_for_each_value_that_matches)
{
    static const struct engine_case cases[] = {
        { "two arguments count twice",
          "SecRule ARGS `@rx .` `id:1,phase:1,pass,nolog,setvar:tx.score=+5`\n"
          "SecRule TX:score `@ge 0` `id:2,phase:1,pass,log`",
          GET, "pass | 2 TX:score=10" },
        { "each is told with its own texts",
          "SecRule ARGS `@rx .` `id:1,phase:1,pass,log,msg:'in %{MATCHED_VAR_NAME}',"
          "logdata:'%{MATCHED_VAR}'`",
          GET, "pass | 1 ARGS:a=1 {in ARGS:a;1} | 1 ARGS:b=2 {in ARGS:b;2}" },
        { "SecAction matches once",
          "SecAction `id:1,phase:1,pass,nolog,setvar:tx.x=+1`\n"
          "SecRule TX:x `@eq 1` `id:2,phase:1,pass,log`",
          GET, "pass | 2 TX:x=1" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(rules_in_shadow_refuse_nothing_and_add_to_no_score)
{
    static const struct id_range shadow[] = { { 1, 1 } };
    struct engine_run r;
    struct waf_world world = engine_world();
    struct ruleset *rules =
        engine_rules(ENGINE_PREFIX "SecRule ARGS:a `@rx 1` `id:1,phase:1,deny,log,"
                                   "setvar:tx.anomaly_score=+5`\n"
                                   "SecRule ARGS:b `@rx 2` `id:2,phase:1,pass,log,"
                                   "setvar:tx.anomaly_score=+3`\n"
                                   "SecRule TX:anomaly_score `@ge 5` `id:3,phase:2,deny,log`\n");
    world.shadow_rules = shadow;
    world.shadow_rule_count = 1;
    engine_begin(&r, rules, &world);
    engine_replay(&r, GET, "");
    assert_string_equal(r.outcome, "pass (deny 403 by 1) | 1 ARGS:a=1 | 2 ARGS:b=2");
    assert_int_equal(waf_matches(r.t)->score, 0);
    assert_true(waf_matches(r.t)->is_shadow);
    assert_int_equal(waf_matches(r.t)->next->score, 3);
    engine_end(&r);

    world = engine_world();
    world.is_shadow = true;
    engine_begin(&r, rules, &world);
    engine_replay(&r, GET, "");
    assert_string_equal(r.outcome,
                        "pass (deny 403 by 1) | 1 ARGS:a=1 | 2 ARGS:b=2 | 3 TX:anomaly_score=8");
    engine_end(&r);
    ruleset_free(rules);
}

TEST(what_is_counted_twice_or_added_up_is_scored_once)
{
    struct engine_run r;
    struct waf_world world = engine_world();
    struct ruleset *rules = engine_rules(
        ENGINE_PREFIX "SecRule ARGS:a|ARGS:b `@rx .` `id:1,phase:1,pass,log,"
                      "setvar:tx.outbound_anomaly_score_pl1=+4,setvar:tx.anomaly_score_pl1=+4,"
                      "setvar:tx.sql_injection_score=+4`\n"
                      "SecAction `id:2,phase:1,pass,log,setvar:tx.critical_anomaly_score=5,"
                      "setvar:tx.anomaly_score_pl1=+%{tx.critical_anomaly_score}`\n"
                      "SecRule TX:anomaly_score_pl1 `@ge 5` `id:3,phase:2,deny,log,"
                      "setvar:tx.anomaly_score=+%{tx.outbound_anomaly_score_pl1}`\n");
    engine_begin(&r, rules, &world);
    engine_replay(&r, GET, "");
    static const struct {
        uint32_t id;
        int score;
    } expected[] = { { 1, 4 }, { 1, 4 }, { 2, 5 }, { 3, 0 } };
    const struct waf_match *m = waf_matches(r.t);
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++, m = m->next) {
        assert_int_equal(m->rule->id, expected[i].id);
        assert_int_equal(m->score, expected[i].score);
    }
    assert_null(m);
    engine_end(&r);
    ruleset_free(rules);
}

TEST(the_budget_ends_a_phase_and_names_the_rule)
{
    struct engine_run r;
    struct waf_world world = engine_world();
    struct ruleset *rules =
        engine_rules(ENGINE_PREFIX
                     "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,nolog`\n"
                     "SecRule REQUEST_HEADERS `@rx (a|b)+c` `id:2,phase:2,pass,log,t:lowercase`\n");
    engine_begin(&r, rules, &world);
    char *large = malloc(3000000);
    assert_non_null(large);
    int len = snprintf(large, 100, "GET /?a=1 HTTP/1.1\r\nX: ");
    memset(large + len, 'A', 2900000);
    snprintf(large + len + 2900000, 100, "\r\n\r\n");
    work_open(&r.work, 2000000, NULL, NULL);
    assert_int_equal(replay_run(r.t, &r.arena, &r.work, slice_from(large), SLICE("")), -EDQUOT);
    assert_non_null(waf_current_rule(r.t));
    assert_int_equal(waf_current_rule(r.t)->id, 2);
    free(large);
    engine_end(&r);
    engine_begin(&r, rules, &world);
    work_open(&r.work, 2000000, NULL, NULL);
    assert_int_equal(replay_run(r.t, &r.arena, &r.work, SLICE(GET), SLICE("")), 0);
    assert_null(waf_current_rule(r.t));
    engine_end(&r);
    ruleset_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_run_in_their_phase_in_the_order_of_the_file),
        cmocka_unit_test(detection_only_tells_and_does_everything_but_refuse),
        cmocka_unit_test(allow_has_three_forms),
        cmocka_unit_test(skipping_stays_in_its_phase),
        cmocka_unit_test(chains_match_as_a_whole_and_act_link_by_link),
        cmocka_unit_test(actions_run_for_each_value_that_matches),
        cmocka_unit_test(rules_in_shadow_refuse_nothing_and_add_to_no_score),
        cmocka_unit_test(what_is_counted_twice_or_added_up_is_scored_once),
        cmocka_unit_test(the_budget_ends_a_phase_and_names_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
