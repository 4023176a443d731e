/* What is looked into beyond the rules' own targets: Base64, fields that no standard knows, text.
 */
#include "waf/engine/engine_test.h"

#define ATTACK "eCBhdHRhY2sgeQ==" /* x attack y */
#define FORM(body)                                                                                 \
    "POST /?q=0 HTTP/1.1\r\nHost: h\r\nContent-Type: "                                             \
    "application/x-www-form-urlencoded\r\n\r\n" body
#define GET(query, fields) "GET /?" query " HTTP/1.1\r\nHost: h\r\n" fields "\r\n"
#define RULE               "SecRule ARGS|REQUEST_COOKIES `@rx attack` `id:1,phase:2,pass,log`\n"

static void check_all(const struct engine_case *cases, size_t count, bool inspects)
{
    for (size_t i = 0; i < count; i++) {
        const struct engine_case *c = &cases[i];
        struct waf_world world = engine_world();
        struct engine_run r;
        char text[8192];
        world.decodes_base64 = world.inspects_fields = inspects;
        snprintf(text, sizeof(text), ENGINE_PREFIX "%s", c->rules);
        struct ruleset *rules = engine_rules(text);
        engine_begin(&r, rules, &world);
        engine_replay(&r, c->request, "");
        if (strcmp(r.outcome, c->expected) != 0)
            fail_msg("%s:\n     is %s\n wanted %s", c->says, r.outcome, c->expected);
        engine_end(&r);
        ruleset_free(rules);
    }
}

TEST(base64_is_looked_into_under_its_own_name)
{
    static const struct engine_case cases[] = {
        { "an argument of the query", RULE, GET("a=" ATTACK, ""), "pass | 1 ARGS:a=x attack y" },
        { "of a form", RULE, FORM("a=" ATTACK), "pass | 1 ARGS:a=x attack y" },
        { "a cookie, percent-encoded", RULE, GET("", "Cookie: a=1; c=eCBhdHRhY2sgeQ%3D%3D\r\n"),
          "pass | 1 REQUEST_COOKIES:c=x attack y" },
        { "JSON in it value by value, and Base64 in that", RULE,
          FORM("a=eyJhIjpbMSwieCBhdHRhY2siXSwiYiI6ImFXNXVaWElnWVhSMFlXTnIifQ=="),
          "pass | 1 ARGS:a=x attack" },
        { "whoever looks at all of them sees all of them",
          "SecRule ARGS_POST `@rx (?:attack|^1$)` `id:1,phase:2,pass,log,chain`\n"
          "SecRule MATCHED_VARS `@rx .` `setvar:tx.n=+1`\nSecRule TX:n `@eq 3` "
          "`id:2,phase:2,pass,log`",
          FORM("a=eyJhIjpbMSwieCBhdHRhY2siXSwiYiI6ImFXNXVaWElnWVhSMFlXTnIifQ=="),
          "pass | 1 MATCHED_VARS:ARGS_POST:a=1 | 1 MATCHED_VARS:ARGS_POST:a=x attack"
          " | 1 MATCHED_VARS:ARGS_POST:a=inner attack | 2 TX:n=3" },
        { "twice", RULE, FORM("a=WVc0Z1lYUjBZV05ySUhSM2FXTmxJRzkyWlhJPQ=="),
          "pass | 1 ARGS:a=an attack twice over" },
        { "not three times", RULE,
          FORM("a=V1ZjMFoxbFlVakJaVjA1eVNVaFNNMkZYVG14SlJ6a3lXbGhKUFE9PQ=="), "pass" },
        { "a field that no standard knows", RULE, GET("", "X-Filter: " ATTACK "\r\n"),
          "pass | 1 REQUEST_HEADERS:X-Filter=x attack y" },
        { "it counts as one, with one name",
          "SecRule &ARGS|&ARGS_NAMES `@eq 2` `id:1,phase:2,pass,log`", FORM("a=" ATTACK),
          "pass | 1 &ARGS=2 | 1 &ARGS_NAMES=2" },
        { "a rule that matched the value itself is not told again",
          "SecRule ARGS:a `@rx attack|eCBh` `id:1,phase:2,pass,log`", FORM("a=" ATTACK),
          "pass | 1 ARGS:a=" ATTACK },
        { "rules about the form of a value do not look into it",
          "SecRule ARGS:a `!@rx ^[A-Za-z0-9=]+$` `id:1,phase:2,pass,log`\n"
          "SecRule ARGS:a `@lt 12` `id:2,phase:2,pass,log,t:length`\n"
          "SecRule ARGS:a `@validateByteRange 48-122` `id:3,phase:2,pass,log`",
          FORM("a=" ATTACK), "pass" },
        { "an exclusion by name takes both away", RULE "SecRuleUpdateTargetById 1 `!ARGS:a`",
          FORM("a=" ATTACK "&b=" ATTACK), "pass | 1 ARGS:b=x attack y" },
        { "so does one at run time",
          "SecAction `id:9,phase:1,pass,nolog,ctl:ruleRemoveTargetById=1;ARGS:a`\n" RULE,
          FORM("a=" ATTACK "&b=" ATTACK), "pass | 1 ARGS:b=x attack y" },
        { "what a framework keeps stays closed", RULE, FORM("__VIEWSTATE=" ATTACK), "pass" },
    };
    check_all(cases, ARRAY_LENGTH(cases), true);
}

TEST(fields_that_no_standard_knows_are_looked_at_as_arguments_are)
{
    static const struct engine_case cases[] = {
        { "under their own name", RULE, GET("", "X-Filter: an attack\r\n"),
          "pass | 1 REQUEST_HEADERS:X-Filter=an attack" },
        { "those that are known are not", RULE,
          GET("", "User-Agent: attack\r\nAccept: attack\r\nAccept-New: attack\r\nSec-New: "
                  "attack\r\nIf-None-Match: attack\r\nAUTHORIZATION: attack\r\n"),
          "pass" },
        { "each line of several", RULE, GET("", "X-A: 1\r\nX-A: attack\r\nX-A: 2\r\n"),
          "pass | 1 REQUEST_HEADERS:X-A=attack" },
        { "of the referring page its query, decoded", RULE,
          GET("", "Referer: https://h/attack?a=1&b=an%20att%61ck#attack\r\n"),
          "pass | 1 REQUEST_HEADERS:Referer=an attack" },
        { "an exclusion names the field",
          RULE "SecRuleUpdateTargetById 1 `!REQUEST_HEADERS:x-filter`",
          GET("", "X-Filter: attack\r\nX-Other: attack\r\n"),
          "pass | 1 REQUEST_HEADERS:X-Other=attack" },
        { "an argument of the same name does not exclude it",
          RULE "SecRuleUpdateTargetById 1 `!ARGS:X-Filter`",
          GET("X-Filter=attack", "X-Filter: attack\r\n"),
          "pass | 1 REQUEST_HEADERS:X-Filter=attack" },
        { "a rule that looks at all fields sees each once",
          "SecRule ARGS|REQUEST_HEADERS `@rx attack` `id:1,phase:2,pass,log`",
          GET("", "X-Filter: attack\r\n"), "pass | 1 REQUEST_HEADERS:X-Filter=attack" },
        { "a rule for one argument does not",
          "SecRule ARGS:X-Filter `@rx attack` `id:1,phase:2,pass,log`",
          GET("", "X-Filter: attack\r\n"), "pass" },
        { "nor one that asks for the form of a value",
          "SecRule ARGS `!@rx ^[0-9]+$` `id:1,phase:2,pass,log`",
          GET("a=1", "X-Filter: attack\r\n"), "pass" },
        { "they do not count", "SecRule &ARGS `@eq 1` `id:1,phase:2,pass,log`",
          GET("a=1", "X-Filter: attack\r\n"), "pass | 1 &ARGS=1" },
    };
    check_all(cases, ARRAY_LENGTH(cases), true);
}

TEST(nothing_of_it_unless_the_world_says_so)
{
    static const struct engine_case cases[] = {
        { "no Base64", RULE, FORM("a=" ATTACK), "pass" },
        { "no fields", RULE, GET("", "X-Filter: attack\r\nReferer: http://h/?a=attack\r\n"),
          "pass" },
    };
    check_all(cases, ARRAY_LENGTH(cases), false);
}

TEST(a_finding_shows_the_value_as_it_came_and_how_it_was_decoded)
{
    struct waf_world world = engine_world();
    struct engine_run r;
    char text[16384];
    world.decodes_base64 = true;
    struct ruleset *rules = engine_rules(
        ENGINE_PREFIX "SecRule ARGS `@rx attack` `id:1,phase:2,pass,log,t:none,t:lowercase`");
    engine_begin(&r, rules, &world);
    engine_replay(&r, FORM("a=eCBhdHRhY2sgeQ=="), "");
    const struct waf_finding *f = &waf_matches(r.t)->finding[0];
    assert_true(f->is_decoded);
    assert_slice_equal(f->raw, SLICE("eCBhdHRhY2sgeQ=="));
    assert_slice_equal(f->value, SLICE("x attack y"));
    struct writer w = writer_over(text, sizeof(text));
    report_json(r.t, &w);
    writer_byte(&w, '\0');
    assert_non_null(strstr(text, "\"transforms\":[\"base64Decode\",\"lowercase\"]"));
    assert_slice_equal(f->member, SLICE(""));
    engine_end(&r);
    engine_begin(&r, rules, &world);
    engine_replay(&r, FORM("a=eyJwIjp7InEiOiJteSBhdHRhY2sifX0="), "");
    assert_slice_equal(waf_matches(r.t)->finding[0].member, SLICE("json.p.q"));
    engine_end(&r);
    world.inspects_fields = true;
    engine_begin(&r, rules, &world);
    engine_replay(&r, GET("", "Referer: https://h/?a=1&b=an%20attack\r\n"), "");
    f = &waf_matches(r.t)->finding[0];
    assert_false(f->is_decoded);
    assert_slice_equal(f->raw, SLICE("an attack"));
    assert_slice_equal(f->member, SLICE("b"));
    engine_end(&r);
    engine_begin(&r, rules, &world);
    engine_replay(&r, GET("", "Referer: https://h/?t=eyJwIjp7InEiOiJteSBhdHRhY2sifX0=\r\n"), "");
    f = &waf_matches(r.t)->finding[0];
    assert_true(f->is_decoded);
    assert_slice_equal(f->member, SLICE("t.json.p.q"));
    engine_end(&r);
    ruleset_free(rules);
}

#define TEXT_RULE                                                                                  \
    "SecAction `id:9,phase:1,pass,nolog,ctl:requestBodyProcessor=TEXT,"                            \
    "ctl:forceRequestBodyVariable=On`\n"                                                           \
    "SecRule ARGS_POST `@rx .` `id:1,phase:2,pass,log`\n"
#define POST(type, body) "POST / HTTP/1.1\r\nHost: h\r\n" type "\r\n" body

TEST(text_is_an_argument_where_a_rule_names_its_processor)
{
    static const struct engine_case cases[] = {
        { "by its type", TEXT_RULE, POST("Content-Type: text/plain\r\n", "some text"),
          "pass | 1 ARGS_POST:text=some text" },
        { "with the arguments of JSON, where it is that", TEXT_RULE,
          POST("Content-Type: text/plain\r\n", "{`a`:`b`}"),
          "pass | 1 ARGS_POST:text={\"a\":\"b\"} | 1 ARGS_POST:json.a=b" },
        { "of any other type, when it looks like text", TEXT_RULE,
          POST("Content-Type: application/x-own\r\n", "some text"),
          "pass | 1 ARGS_POST:text=some text" },
        { "without a type too", TEXT_RULE, POST("", "some text"),
          "pass | 1 ARGS_POST:text=some text" },
        { "what does not look like text has none", TEXT_RULE,
          POST("Content-Type: application/octet-stream\r\n", "\x89PNG\x01\x02\x03\x04"), "pass" },
        { "lines of JSON keep their names", TEXT_RULE,
          POST("Content-Type: application/x-ndjson\r\n", "{`a`:`b`}\n"),
          "pass | 1 ARGS_POST:json.array_0.a=b" },
    };
    check_all(cases, ARRAY_LENGTH(cases), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_looked_into_under_its_own_name),
        cmocka_unit_test(fields_that_no_standard_knows_are_looked_at_as_arguments_are),
        cmocka_unit_test(nothing_of_it_unless_the_world_says_so),
        cmocka_unit_test(a_finding_shows_the_value_as_it_came_and_how_it_was_decoded),
        cmocka_unit_test(text_is_an_argument_where_a_rule_names_its_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
