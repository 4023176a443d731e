#include "base/random.h"
#include "waf/engine/engine_test.h"

/* Each looks behind another chain for what only that chain brings forth. */
#define CHAINS                                                                                     \
    ENGINE_PREFIX "SecRule ARGS `@rx abc1` `id:1,phase:1,pass,log,t:none,t:lowercase`\n"           \
                  "SecRule ARGS `@rx abc2` `id:2,phase:1,pass,log,t:none,t:removeWhitespace`\n"    \
                  "SecRule ARGS `@rx abc3` `id:3,phase:1,pass,log,t:none,t:lowercase,"             \
                  "t:removeWhitespace`\n"                                                          \
                  "SecRule ARGS `@rx abc4` `id:4,phase:1,pass,log,t:none,t:hexDecode`\n"           \
                  "SecRule ARGS `@rx abc5` `id:5,phase:1,pass,log,t:none,t:base64Decode`\n"        \
                  "SecRule ARGS `@rx abc6` `id:6,phase:1,pass,log,t:none,t:removeWhitespace,"      \
                  "t:hexDecode,t:lowercase`\n"                                                     \
                  "SecRule ARGS|!ARGS:zz `@rx abc7` `id:7,phase:1,pass,log,t:none,"                \
                  "t:lowercase,t:removeWhitespace,t:base64Decode`\n"                               \
                  "SecRule ARGS `@rx abc8` `id:8,phase:1,pass,log,multiMatch,t:none,"              \
                  "t:lowercase,t:hexDecode`\n"

/* As they stand in a query. The last is nothing to any rule. */
static const char *const needles[] = { "ABC1",     "a+b%20c2",    "A+B+C3", "61626334",
                                       "YWJjNQ==", "41+42+43+36", "ABC8",   "x%20YZ 9" };

/* The query's `at`-th value of `count` is the needle; the others change behind most chains, and are
 * different. */
static void ask(struct ruleset *rules, unsigned count, unsigned at, const char *needle,
                struct engine_run *r)
{
    static char request[65536];
    struct writer w = writer_over(request, sizeof request);
    struct waf_world world = engine_world();
    writer_literal(&w, "GET /?");
    for (unsigned i = 0; i < count; i++)
        if (i == at)
            writer_format(&w, "q=%s&", needle);
        else
            writer_format(&w, "f%u=Some+Words+%u+%u&", i, i * 7919u, (unsigned)random_number());
    writer_literal(&w, " HTTP/1.1\r\nHost: h\r\n\r\n");
    writer_byte(&w, '\0');
    assert_false(w.overflowed);
    engine_begin(r, rules, &world);
    engine_replay(r, request, "");
}

/* Unions of many values are made otherwise than those of few. */
TEST(one_of_many_is_found_as_it_is_alone)
{
    static const unsigned counts[] = { 2, 60, 127, 128, 129, 130, 256, 257, 700 };
    struct ruleset *rules = engine_rules(CHAINS);
    random_seed(20261126);
    for (size_t n = 0; n < ARRAY_LENGTH(needles); n++) {
        struct engine_run alone;
        ask(rules, 1, 0, needles[n], &alone);
        assert_true((strchr(alone.outcome, '|') != NULL) == (n + 1 < ARRAY_LENGTH(needles)));
        for (size_t c = 0; c < ARRAY_LENGTH(counts); c++) {
            const unsigned places[] = { 0, counts[c] / 2, counts[c] - 1 };
            for (size_t p = 0; p < ARRAY_LENGTH(places); p++) {
                struct engine_run r;
                ask(rules, counts[c], places[p], needles[n], &r);
                assert_string_equal(r.outcome, alone.outcome);
                engine_end(&r);
            }
        }
        engine_end(&alone);
    }
    random_seed(0);
    ruleset_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_many_is_found_as_it_is_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
