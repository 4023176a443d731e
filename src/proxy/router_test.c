#include "base/test.h"
#include "proxy/router.h"
#include "waf/patterns/pattern.h"

TEST(prefix_pattern_matches_whole_segments_only)
{
    static const struct {
        enum match_kind kind;
        slice text, path;
        bool matches;
    } cases[] = {
        { MATCH_EXACT, SLICE("/x"), SLICE("/x"), true },
        { MATCH_EXACT, SLICE("/x"), SLICE("/x/"), false },
        { MATCH_PREFIX, SLICE("/x"), SLICE("/x"), true },
        { MATCH_PREFIX, SLICE("/x"), SLICE("/x/y"), true },
        { MATCH_PREFIX, SLICE("/x"), SLICE("/xy"), false },
        { MATCH_PREFIX, SLICE(""), SLICE("/any"), true },
        { MATCH_EXTENSION, SLICE(".css"), SLICE("/a/b.css"), true },
        { MATCH_EXTENSION, SLICE(".css"), SLICE("/a/b.css/x"), false },
        { MATCH_ANY, SLICE(""), SLICE("*"), true },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct route_pattern pattern = { .kind = cases[i].kind, .text = cases[i].text };
        assert_int_equal(route_pattern_matches(&pattern, cases[i].path), cases[i].matches);
    }
}

#define MANY_A                                                                                     \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaa"

TEST(what_an_expression_cannot_decide_has_no_route)
{
    struct pattern_cache *cache;
    struct route_pattern pattern = { .kind = MATCH_REGEX };
    assert_int_equal(pattern_cache_open(1 << 20, &cache), 0);
    assert_int_equal(
        pattern_compile(SLICE("^/(?=a*a*a*a*a*[bd]$)"), 0, cache, &pattern.regex, NULL), 0);
    slice post = SLICE("POST");
    struct condition by_post = { CONDITION_METHOD, .values = &post, .value_count = 1 };
    struct route routes[2] = {
        { .patterns = &pattern, .pattern_count = 1, .conditions = &by_post, .condition_count = 1 }
    };
    struct site site = { .routes = routes, .route_count = 2 };
    static const struct {
        slice path, method;
        int route; /* -1: none */
    } cases[] = {
        { SLICE("/aab"), SLICE("POST"), 0 },
        { SLICE("/aac"), SLICE("POST"), 1 },
        { SLICE("/" MANY_A MANY_A "c"), SLICE("POST"), -1 },
        { SLICE("/" MANY_A MANY_A "c"), SLICE("GET"), 1 }, /* its conditions decide */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct routing_question q = { .method_text = cases[i].method, .path = cases[i].path };
        const struct route *found = router_find(&site, &q);
        assert_ptr_equal(found, cases[i].route < 0 ? NULL : &routes[cases[i].route]);
    }
    pattern_free(pattern.regex);
    pattern_cache_free(cache);
}

/* PCRE2 takes tenths of a second for this one. */
TEST(an_expression_without_looking_around_is_decided_for_any_path)
{
    enum { BYTES = 16000 };
    static char path[BYTES];
    struct pattern_cache *cache;
    struct route_pattern pattern = { .kind = MATCH_REGEX };
    assert_int_equal(pattern_cache_open(1 << 20, &cache), 0);
    assert_int_equal(pattern_compile(SLICE("[^/]*a[^/]*b[^/]*c$"), 0, cache, &pattern.regex, NULL),
                     0);
    memset(path, 'a', sizeof path);
    path[0] = '/';
    memcpy(path + BYTES - 4, "bcdb", 4);
    assert_int_equal(route_pattern_matches(&pattern, slice_of(path, BYTES)), 0);
    path[BYTES - 1] = 'c';
    assert_int_equal(route_pattern_matches(&pattern, slice_of(path, BYTES)), 1);
    pattern_free(pattern.regex);
    pattern_cache_free(cache);
}

static bool holds(struct condition c, const struct routing_question *q)
{
    bool plain = condition_holds(&c, q);
    c.negated = true;
    assert_int_equal(condition_holds(&c, q), !plain);
    return plain;
}

TEST(conditions_look_at_method_field_query_and_cookie)
{
    struct field items[4];
    struct fields fs = { .items = items, .capacity = 4 };
    assert_int_equal(fields_add(&fs, SLICE("X-Kind"), SLICE("beta"), FIELD_OTHER), 0);
    assert_int_equal(fields_add(&fs, SLICE("Cookie"), SLICE("a=1; plan=pro"), FIELD_COOKIE), 0);
    struct routing_question q = { .method = METHOD_GET,
                                  .method_text = SLICE("GET"),
                                  .path = SLICE("/"),
                                  .query = SLICE("q=1&debug"),
                                  .fields = &fs };
    slice beta = SLICE("beta"), get = SLICE("GET"), pro = SLICE("pro"), two = SLICE("2");
    assert_true(
        holds((struct condition){ CONDITION_METHOD, .values = &get, .value_count = 1 }, &q));
    assert_true(holds((struct condition){ CONDITION_HEADER, .name = SLICE("x-kind"),
                                          .values = &beta, .value_count = 1 },
                      &q));
    assert_false(holds((struct condition){ CONDITION_HEADER, .name = SLICE("x-other") }, &q));
    assert_true(holds((struct condition){ CONDITION_QUERY, .name = SLICE("debug") }, &q));
    assert_false(holds(
        (struct condition){ CONDITION_QUERY, .name = SLICE("q"), .values = &two, .value_count = 1 },
        &q));
    assert_true(holds((struct condition){ CONDITION_COOKIE, .name = SLICE("plan"), .values = &pro,
                                          .value_count = 1 },
                      &q));
    slice chrome[] = { SLICE("t13d1517h2_*"), SLICE("t13d1516h2_8daaf6152771_*") };
    struct condition by_ja4 = { CONDITION_JA4, .values = chrome, .value_count = 2 };
    assert_false(holds(by_ja4, &q)); /* without TLS */
    q.ja4 = SLICE("t13d1516h2_8daaf6152771_e5627efa2ab1");
    assert_true(holds(by_ja4, &q));
    q.ja4 = SLICE("t13d1516h1_8daaf6152771_e5627efa2ab1");
    assert_false(holds(by_ja4, &q));
    items[0].dropped = true;
    assert_false(holds((struct condition){ CONDITION_HEADER, .name = SLICE("X-Kind") }, &q));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefix_pattern_matches_whole_segments_only),
        cmocka_unit_test(what_an_expression_cannot_decide_has_no_route),
        cmocka_unit_test(an_expression_without_looking_around_is_decided_for_any_path),
        cmocka_unit_test(conditions_look_at_method_field_query_and_cookie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
