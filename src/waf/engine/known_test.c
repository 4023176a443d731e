#include "waf/engine/engine_test.h"
#include "waf/engine/transaction.h"

/* --- The table -------------------------------------------------------------------------------- */

static struct waf_known *opened(void)
{
    struct waf_known *k;
    assert_int_equal(known_open(&k), 0);
    return k;
}

static const struct known_facts clean = { .nodes = 1 };

static struct known_key key_of(const struct waf_known *k, unsigned source, slice value)
{
    return known_key_of(k, known_needs_of(k)->epoch, source, value);
}

static bool find(struct waf_known *k, const struct known_key *key, bool *ret_comes_again)
{
    return known_find(k, key, ret_comes_again) != NULL;
}

TEST(a_value_is_worth_its_place_when_it_comes_again)
{
    struct waf_known *k = opened();
    struct known_key key = key_of(k, 0, SLICE("gzip")), other = key_of(k, 0, SLICE("gzip "));
    bool again = true;
    assert_false(find(k, &key, &again) || again);
    assert_false(find(k, &other, &again) || again);
    assert_false(find(k, &key, &again));
    assert_true(again);
    known_put(k, &key, &clean);
    assert_true(find(k, &key, &again));
    assert_false(find(k, &other, &again));
    known_close(k);
}

TEST(sources_know_nothing_of_each_other)
{
    struct waf_known *k = opened();
    struct known_key key = key_of(k, 0, SLICE("v")), elsewhere = key_of(k, 1, SLICE("v"));
    bool again;
    known_put(k, &key, &clean);
    assert_true(find(k, &key, &again));
    assert_false(find(k, &elsewhere, &again) || again);
    known_close(k);
}

TEST(the_first_question_for_a_need_makes_all_void)
{
    struct waf_known *k = opened();
    struct known_key key = key_of(k, 0, SLICE("v"));
    bool again;
    known_put(k, &key, &clean);
    known_ask(k, 70);
    struct known_key now = key_of(k, 0, SLICE("v"));
    assert_false(find(k, &now, &again));
    known_put(k, &key, &clean); /* by a transaction that began before */
    assert_false(find(k, &now, &again));
    known_put(k, &now, &clean);
    known_ask(k, 70); /* it counts already */
    assert_true(find(k, &now, &again));
    assert_true(known_counts(known_needs_of(k), 70));
    assert_false(known_counts(known_needs_of(k), 71));
    known_close(k);
}

TEST(the_table_is_bounded_and_keeps_what_is_asked_for)
{
    enum { MANY = 4 * KNOWN_SETS * KNOWN_WAYS };
    struct waf_known *k = opened();
    struct known_key popular = key_of(k, 0, SLICE("popular"));
    unsigned found = 0;
    bool again;
    known_put(k, &popular, &clean);
    for (unsigned i = 0; i < MANY; i++) {
        struct known_key key = key_of(k, 0, slice_of((char *)&i, sizeof(i)));
        known_put(k, &key, &clean);
        assert_true(find(k, &popular, &again));
    }
    for (unsigned i = 0; i < MANY; i++) {
        struct known_key key = key_of(k, 0, slice_of((char *)&i, sizeof(i)));
        found += find(k, &key, &again);
    }
    assert_in_range(found, KNOWN_SETS, KNOWN_SETS * KNOWN_WAYS);
    known_close(k);
}

TEST(facts_rule_out_what_is_no_pair)
{
    struct known_facts f = {
        .nodes = 0xf, .as_raw = 0x4, .count = 2, .pairs = { { 0, 7 }, { 1, 9 } }
    };
    assert_false(known_rules_out(&f, 0, 7));
    assert_true(known_rules_out(&f, 0, 9));
    assert_false(known_rules_out(&f, 1, 9));
    assert_true(known_rules_out(&f, 1, 7));
    assert_false(known_rules_out(&f, 2, 7)); /* as raw */
    assert_true(known_rules_out(&f, 2, 9));
    assert_true(known_rules_out(&f, 3, 7));
    assert_false(known_rules_out(&f, 4, 7)); /* unknown */
    assert_false(known_rules_out(&f, KNOWN_NODES_MAX, 7));
    assert_int_equal(known_settled(&f), 0xc);
    known_drop_pair(&f, 0, 7);
    assert_true(known_rules_out(&f, 0, 7));
    assert_false(known_rules_out(&f, 1, 9));
    known_drop_pair(&f, 1, 8); /* there is none */
    assert_int_equal(f.count, 1);
}

/* --- In transactions -------------------------------------------------------------------------- */

/* Rules that share values and nodes, of which some run only where another one has matched. */
static const char rules_text[] = ENGINE_PREFIX
    "SecRule ARGS|REQUEST_HEADERS `@rx (?i)union\\s+select` "
    "`id:1,phase:1,pass,log,t:none,t:urlDecodeUni`\n"
    "SecRule ARGS|REQUEST_HEADERS|ARGS_NAMES `@pm <script onerror= select` "
    "`id:2,phase:1,pass,log,t:none,t:urlDecodeUni,t:htmlEntityDecode,t:lowercase`\n"
    "SecRule REQUEST_COOKIES|REQUEST_COOKIES_NAMES `@rx ^[a-z]{3}\\d+x$` "
    "`id:3,phase:1,pass,log,t:none,t:lowercase`\n"
    "SecRule REQUEST_HEADERS:X-Mode `@streq deep` `id:4,phase:1,pass,nolog,setvar:tx.deep=1`\n"
    "SecRule TX:deep `!@eq 1` `id:5,phase:1,pass,nolog,skipAfter:END`\n"
    "SecRule ARGS|REQUEST_HEADERS `@rx (?:etc/passwd|\\.\\./)` "
    "`id:6,phase:1,pass,log,t:none,t:urlDecodeUni,t:normalizePath`\n"
    "SecRule ARGS `@rx ^(\\w+)=\\1$` `id:7,phase:1,pass,log,capture,t:none,multiMatch,"
    "t:urlDecodeUni,t:removeWhitespace`\n"
    "SecMarker END\n"
    "SecRule ARGS|!ARGS:free `@detectSQLi` `id:8,phase:2,pass,log,t:none,t:urlDecodeUni`\n"
    "SecRule REQUEST_URI `@rx /a` `id:9,phase:2,pass,log,chain,t:none`\n"
    "SecRule ARGS|REQUEST_HEADERS `@rx b+c` `t:none,t:lowercase,t:compressWhitespace`\n"
    "SecRule RESPONSE_HEADERS `@rx secret` `id:10,phase:3,pass,log,t:none,t:lowercase`\n";

static const char *const words[] = {
    "garden",
    "union select 1",
    "UNION%20SELECT",
    "%3cscript%3e",
    "&lt;SCRIPT",
    "a/../../etc/passwd",
    "/x/./etc//passwd",
    "BBC",
    "b  bc",
    "abc12x",
    "ABC12X",
    "x=x",
    "x%3D x",
    "1' or '1'='1",
    "",
    "text/html;q=0.9",
};

static const char *word(unsigned *random)
{
    *random = *random * 1103515245 + 12345;
    return words[(*random >> 16) % ARRAY_LENGTH(words)];
}

static void make_request(unsigned *random, char *to, size_t room)
{
    const char *mode = (*random >> 20) % 4 == 0 ? "deep" : "flat";
    snprintf(to, room,
             "GET /%s?q=%s&free=%s&%s=1 HTTP/1.1\r\nHost: h\r\nAccept: %s\r\nX-Mode: %s\r\n"
             "Referer: %s\r\nCookie: s=%s; %s=2\r\n\r\n",
             *random & 0x10000 ? "a" : "z", word(random), word(random), word(random), word(random),
             mode, word(random), word(random), word(random));
    for (char *at = to; *at && *at != '\r'; at++) /* a target has no spaces */
        if (*at == ' ' && at > to + 4 && strncmp(at, " HTTP/1.1\r", 10) != 0)
            *at = '+';
}

/* Some of what is asked for in deep mode is asked for late, and makes void what was known. */
TEST(what_is_known_changes_no_decision)
{
    enum { REQUESTS = 4000, ROOM = 1024 };
    struct ruleset *rules = engine_rules(rules_text);
    struct waf_world fresh = engine_world(), knowing = engine_world();
    unsigned random = 1;
    uint64_t scanned = 0, scanned_knowing = 0;
    knowing.remembers = true;
    for (unsigned i = 0; i < REQUESTS; i++) {
        char request[ROOM];
        struct engine_run a, b;
        const char *response = i % 3 ? "HTTP/1.1 200 OK\r\nServer: s\r\n\r\n"
                                     : "HTTP/1.1 200 OK\r\nServer: a SECRET\r\n\r\n";
        make_request(&random, request, sizeof(request));
        engine_begin(&a, rules, &fresh);
        engine_replay(&a, request, response);
        engine_begin(&b, rules, &knowing);
        engine_replay(&b, request, response);
        if (strcmp(a.outcome, b.outcome) != 0)
            fail_msg("request %u\n%s new: %s\nknown: %s", i, request, a.outcome, b.outcome);
        scanned += waf_counts(a.t).copies;
        scanned_knowing += waf_counts(b.t).copies;
        engine_end(&a);
        engine_end(&b);
    }
    assert_true(scanned_knowing < scanned / 4 * 3); /* it was of use */
    ruleset_free(rules);
}

/* Of what is refused nothing is learnt, so an attack costs nobody his place. */
TEST(what_is_refused_is_not_learnt)
{
    struct ruleset *rules =
        engine_rules(ENGINE_PREFIX "SecRule ARGS `@rx evil` `id:1,phase:1,deny,log`\n");
    struct waf_world world = engine_world();
    world.remembers = true;
    for (unsigned i = 0; i < 4; i++) {
        struct engine_run r;
        engine_begin(&r, rules, &world);
        engine_replay(&r, "GET /?q=evil HTTP/1.1\r\nHost: h\r\n\r\n", "");
        assert_string_equal(r.outcome, "deny 403 by 1 | 1 ARGS:q=evil");
        engine_end(&r);
    }
    struct known_key key = key_of(rules->known, PLACE_ARGS_GET, SLICE("evil"));
    bool again;
    assert_false(find(rules->known, &key, &again));
    ruleset_free(rules);
}

/* How many of the ten values from the first on. */
static unsigned known_of_ten(const struct ruleset *rules, unsigned first)
{
    unsigned known = 0;
    for (unsigned i = first; i < first + 10; i++) {
        char text[16];
        bool again;
        int len = snprintf(text, sizeof(text), "%u", i);
        struct known_key key = key_of(rules->known, PLACE_ARGS_GET, slice_of(text, (size_t)len));
        known += find(rules->known, &key, &again);
    }
    return known;
}

/* Long values, and those of a source with many, are looked at as if they were new. */
TEST(what_seldom_comes_again_is_not_kept)
{
    enum { MANY = 200 };
    struct ruleset *rules =
        engine_rules(ENGINE_PREFIX "SecRule ARGS `@rx evil` `id:1,phase:1,pass,log`\n");
    struct waf_world world = engine_world();
    char request[KNOWN_BYTES_MAX + 2048] = "GET /?q=";
    size_t len = strlen(request);
    memset(request + len, 'x', KNOWN_BYTES_MAX + 1);
    len += KNOWN_BYTES_MAX + 1;
    for (unsigned i = 0; i < MANY; i++)
        len += (size_t)snprintf(request + len, sizeof(request) - len, "&a=%u", i);
    snprintf(request + len, sizeof(request) - len, " HTTP/1.1\r\nHost: h\r\n\r\n");
    world.remembers = true;
    for (unsigned i = 0; i < 4; i++) {
        struct engine_run r;
        engine_begin(&r, rules, &world);
        engine_replay(&r, request, "");
        assert_string_equal(r.outcome, "pass");
        engine_end(&r);
    }
    assert_in_range(known_of_ten(rules, 0), 5, 10); /* two may share the place of one sighting */
    assert_int_equal(known_of_ten(rules, MANY - 10), 0);
    ruleset_free(rules);
}

/* Of so many chains of transformations nothing is known behind the first ones: what matches there
 * is found each time. */
TEST(nodes_that_nothing_is_known_of_are_looked_at)
{
    static const char *const names[] = { "lowercase",        "trim",         "removeNulls",
                                         "removeWhitespace", "replaceNulls", "compressWhitespace",
                                         "urlDecode" };
    enum { ROOM = 65536, SETS = 1 << ARRAY_LENGTH(names), TIMES = 6 };
    char *text = malloc(ROOM);
    ASSERT(text);
    struct writer w = writer_over(text, ROOM);
    writer_literal(&w, ENGINE_PREFIX);
    for (unsigned set = 1; set <= SETS; set++) {
        writer_format(&w, "SecRule ARGS `@rx evil` `id:%u,phase:1,pass,log,t:none", set);
        for (unsigned i = 0; i < ARRAY_LENGTH(names); i++)
            if (set >> i & 1)
                writer_format(&w, ",t:%s", names[i]);
        writer_text(&w, set == SETS ? ",t:hexDecode`\n" : "`\n");
    }
    writer_byte(&w, '\0');
    assert_false(w.overflowed);
    struct ruleset *rules = engine_rules(text);
    struct waf_world world = engine_world();
    assert_true(rules->node_count > KNOWN_NODES_MAX + 1);
    world.remembers = true;
    for (unsigned i = 0; i < TIMES; i++) {
        struct engine_run r;
        engine_begin(&r, rules, &world);
        engine_replay(&r, "GET /?q=6576696c HTTP/1.1\r\nHost: h\r\n\r\n", "");
        assert_string_equal(r.outcome, "pass | 128 ARGS:q=evil");
        engine_end(&r);
    }
    ruleset_free(rules);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_worth_its_place_when_it_comes_again),
        cmocka_unit_test(sources_know_nothing_of_each_other),
        cmocka_unit_test(the_first_question_for_a_need_makes_all_void),
        cmocka_unit_test(the_table_is_bounded_and_keeps_what_is_asked_for),
        cmocka_unit_test(facts_rule_out_what_is_no_pair),
        cmocka_unit_test(what_is_known_changes_no_decision),
        cmocka_unit_test(what_is_refused_is_not_learnt),
        cmocka_unit_test(what_seldom_comes_again_is_not_kept),
        cmocka_unit_test(nodes_that_nothing_is_known_of_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
