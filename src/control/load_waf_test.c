/* `waf`: what statements mean for a route, and which of them mean nothing. */
#include "control/load_text_test.h"
#include "proxy/router.h"
#include "proxy/waf_settings.h"

static void load(const char *text)
{
    load_slice(slice_from(text));
}

/* Exactly one diagnostic, with this code. */
static void assert_one(const char *text, enum diagnostic_code code)
{
    load(text);
    if (diagnostics.count != 1 || diagnostics.items[0].code != code)
        fail_msg("%s: %u diagnostics", text, diagnostics.count);
}

static const struct waf_settings *settings_of(const char *path)
{
    struct fields none = { 0 };
    struct routing_question q = {
        .method = METHOD_GET, .method_text = SLICE("GET"), .path = slice_from(path), .fields = &none
    };
    const struct site *site = configuration_find_site(c, SLICE("a.test"), 0);
    return router_find(site, &q)->blocks[FEATURE_WAF];
}

TEST(statements_that_name_no_rule_are_told)
{
#define JUDGED(statement) "listen :1\nsite a.test { respond 200; waf { " statement " } }"
    assert_one(JUDGED("exclude rule 999 arg a"), W0709);
    assert_one(JUDGED("exclude rule 1-999"), W0709);
    assert_one(JUDGED("exclude attack squli"), W0709);
    assert_one(JUDGED("exclude attack sql"), W0709); /* the beginning of a class is none */
    load(JUDGED("exclude rule 8103001; exclude rule 8103001-8103999; exclude attack sqli"));
    assert_int_equal(diagnostics.count, 0);
    assert_one(JUDGED("shadow 8103001 999"), W0710);
    load(JUDGED("shadow 8103001-8103999"));
    assert_int_equal(diagnostics.count, 0);
    /* One of those that inherit it has such a rule, or none is judged. */
    assert_one("listen :1\ndefaults { waf { exclude rule 999 } }\nsite a { respond 200 }\nsite b { "
               "respond 200 }",
               W0709);
    load("listen :1\ndefaults { waf off { exclude rule 999 } }\nsite a { respond 200 }");
    assert_int_equal(diagnostics.count, 0);
    assert_one(JUDGED("mode shadow"), E0201);
    assert_one(JUDGED("rules CRS"), E0304);
    assert_one(JUDGED("rules /etc/a.conf crs"), E0304);
    assert_one(JUDGED("response 1M text/html,text/plain"), E0304);
    assert_one(JUDGED("response 1M text/"), E0304);
#undef JUDGED
}

/* Above all `then pass` and types: what stands at the route says all. */
TEST(of_a_statement_of_the_waf_nothing_is_inherited_that_it_leaves_out)
{
    load("listen :1\nsite a.test { respond 200\n"
         "waf { budget 1s then pass; response 64K text/css within 9s; threshold 9 response 8 }\n"
         "route /same/* { waf { body 2M } }\n"
         "route /own/* { waf { budget 50ms; response 32K; threshold 7 } } }");
    assert_int_equal(diagnostics.count, 0);
    const struct waf_settings *same = settings_of("/same/x"), *own = settings_of("/own/x");
    assert_int_equal(same->budget_ms, 1000);
    assert_true(same->budget_passes);
    assert_int_equal(same->response_ms, 9000);
    assert_int_equal(same->response_type_count, 1);
    assert_int_equal(waf_outbound_threshold(same), 8);
    assert_int_equal(own->budget_ms, 50);
    assert_false(own->budget_passes);
    assert_int_equal(own->response_bytes_max, 32 << 10);
    assert_int_equal(own->response_ms, WAF_RESPONSE_MS);
    assert_int_equal(own->response_type_count, 0);
    assert_int_equal(waf_outbound_threshold(own), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_that_name_no_rule_are_told),
        cmocka_unit_test(of_a_statement_of_the_waf_nothing_is_inherited_that_it_leaves_out),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
