#include "base/test.h"
#include "proxy/router.h"

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
    items[0].dropped = true;
    assert_false(holds((struct condition){ CONDITION_HEADER, .name = SLICE("X-Kind") }, &q));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefix_pattern_matches_whole_segments_only),
        cmocka_unit_test(conditions_look_at_method_field_query_and_cookie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
