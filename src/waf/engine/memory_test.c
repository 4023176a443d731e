/* When memory ends while a transaction runs: each request for memory fails once, and with all that
 * follow it. Whoever asked is told, or the verdict is the one that it would have been: nothing gets
 * through unseen. Nothing is left, and what is kept over requests stays in order. The linker puts
 * the functions below in front of those of the arena and of the C library. */
#include <zlib.h>

#include "waf/engine/engine_test.h"
#include "waf/lists.h"
#include "waf/memory_faults_test.h"
#include "waf/seclang/complete_rules.h"

/* --- What is judged --------------------------------------------------------------------------- */

enum { REQUEST_MAX = 4096 };

struct judged {
    const char *says, *head, *body, *response, *expected;
    bool is_compressed;
};

#define PLAIN "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nfine"
#define LEAK  "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>ORA-00933"
#define FORM  "Content-Type: application/x-www-form-urlencoded\r\n"

static const struct judged cases[] = {
    { "a harmless one", "GET /a/./b?x=1&y=%41 HTTP/1.1\r\nHost: h\r\nCookie: sid=1; b=2\r\n", "",
      PLAIN, "pass", false },
    { "a form", "POST / HTTP/1.1\r\n" FORM, "a=1&b=an+%41ttack7&c=yya+a", PLAIN, "deny 403",
      false },
    { "with all options", "POST / HTTP/1.1\r\nX-Options: all\r\nX-From: ::1\r\n" FORM,
      "free=attack&b=1", PLAIN, "deny 403", false },
    { "JSON", "POST / HTTP/1.1\r\nContent-Type: application/json\r\n",
      "{\"a\":{\"b\":[1,{\"c\":\"\\u0061ttack\"}]},\"d\":null}", PLAIN, "deny 403", false },
    { "broken JSON", "POST / HTTP/1.1\r\nContent-Type: application/json\r\n", "{\"a\":", PLAIN,
      "deny 400", false },
    { "XML", "POST / HTTP/1.1\r\nContent-Type: text/xml\r\n", "<a b=\"c\"><d>attack</d>&lt;</a>",
      PLAIN, "deny 403", false },
    { "multipart", "POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=xYz0123\r\n",
      "--xYz0123\r\nContent-Disposition: form-data; name=\"f\"; filename=\"evil1\"\r\n\r\nabc\r\n"
      "--xYz0123\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\nattack\r\n--xYz0123--\r\n",
      PLAIN, "deny 403", false },
    { "lines of JSON", "POST / HTTP/1.1\r\nContent-Type: application/x-ndjson\r\n",
      "{\"a\":1}\n{\"b\":\"attack\"}\n", PLAIN, "deny 403", false },
    { "text", "POST / HTTP/1.1\r\nContent-Type: text/plain\r\n", "an attack", PLAIN, "deny 403",
      false },
    { "gzip", "POST / HTTP/1.1\r\nContent-Encoding: gzip\r\n" FORM, "b=attack", PLAIN, "deny 403",
      true },
    { "Base64", "GET /?q=eyJhIjoiYW4gYXR0YWNrIGlzIGhlcmUifQ== HTTP/1.1\r\nHost: h\r\n", "", PLAIN,
      "deny 403", false },
    { "a field that no standard knows", "GET / HTTP/1.1\r\nX-Search: an attack\r\n", "", PLAIN,
      "deny 403", false },
    { "a redirect", "PUT /x.old HTTP/1.1\r\nHost: h\r\n", "", PLAIN, "redirect", false },
    { "a leak", "GET / HTTP/1.1\r\nHost: h\r\n", "", LEAK, "deny 500", false },
    { "many values",
      "GET /?a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9&j=10&k=select+1&l=%3Cb%3E&m=evil1 HTTP/1.1\r\n",
      "", PLAIN, "pass", false },
};

static size_t compress_body(const char *body, char *to)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)body,
                   .avail_in = (uInt)strlen(body),
                   .next_out = (Bytef *)to,
                   .avail_out = REQUEST_MAX / 2 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static size_t write_request(const struct judged *c, char *to)
{
    char body[REQUEST_MAX / 2];
    size_t length = strlen(c->body);
    if (c->is_compressed)
        length = compress_body(c->body, body);
    else
        memcpy(body, c->body, length);
    int head = snprintf(to, REQUEST_MAX / 2, "%sContent-Length: %zu\r\n\r\n", c->head, length);
    memcpy(to + head, body, length);
    return (size_t)head + length;
}

/* --- A world ---------------------------------------------------------------------------------- */

static struct store_table table;
static char store_memory[64 + 4 * STORE_SET_BYTES] __attribute__((aligned(64)));

static void give_way(void)
{
}

static int find(UNUSED struct waf_lists *lists, UNUSED const struct list_question *question,
                uint8_t ret_address[4])
{
    memcpy(ret_address, (uint8_t[]){ 127, 0, 0, 2 }, 4);
    return 1;
}

static bool remembers;

static struct ruleset *load(void)
{
    struct seclang_world world = complete_world();
    struct seclang *l = NULL;
    struct ruleset *rules = NULL;
    assert_int_equal(seclang_open(&world, &l), 0);
    if (seclang_text(l, SLICE("t"), slice_from(complete_rules)) != 0) {
        unsigned count, total;
        const struct waf_problem *problems = seclang_errors(l, &count, &total);
        fail_msg("%u:%u: %s", problems[0].line, problems[0].column, problems[0].text);
    }
    assert_int_equal(seclang_finish(l, &rules), 0);
    seclang_close(l);
    assert_int_equal(waf_prepare(rules), 0);
    return rules;
}

static int judge(const struct ruleset *rules, const struct judged *c, char *outcome)
{
    char request[REQUEST_MAX];
    size_t length = write_request(c, request);
    struct siphash_key secret = { 1, 2 };
    struct arena arena;
    struct work work;
    struct waf_transaction *t = NULL;
    struct waf_world world = engine_world();
    struct writer w = writer_over(outcome, OUTCOME_MAX);
    store_table_open(&table, store_memory, sizeof store_memory, &secret,
                     &(struct store_sharing){ 1, give_way });
    struct waf_lists lists = { find };
    world.store = &table.store;
    world.remembers = remembers;
    world.lists = &lists;
    world.decodes_base64 = world.inspects_fields = true;
    arena_open(&arena, NULL, 0, 512, TEST_ARENA_MAX);
    work_open(&work, 0, NULL, NULL);
    is_counting = true;
    requests = 0;
    int result = waf_open(rules, &world, &arena, &work, &t);
    if (result == 0)
        result = replay_run(t, &arena, &work, slice_of(request, length), slice_from(c->response));
    is_counting = false;
    outcome[0] = '\0';
    if (result == 0)
        engine_outcome(t, &w);
    arena_close(&arena);
    return result;
}

/* 0 told · 1 the verdict is the one that it is with memory */
static bool fail_one(const struct ruleset *rules, const struct judged *c, const char *expected)
{
    char outcome[OUTCOME_MAX];
    memset(store_memory, 0, sizeof store_memory);
    int result = judge(rules, c, outcome);
    if (result != 0 && result != -ENOMEM)
        fail_msg("%s: request %u failed, and the result is %d", c->says, failing, result);
    if (result == 0 && strcmp(outcome, expected) != 0)
        fail_msg("%s: request %u failed, and unseen it came to\n    %s\n not %s", c->says, failing,
                 outcome, expected);
    return result == 0;
}

/* What is kept was left in order: the next one counts on, whatever the one before had done. */
static void judge_next(const struct ruleset *rules)
{
    char outcome[OUTCOME_MAX];
    failing = UINT32_MAX;
    assert_int_equal(judge(rules, &cases[0], outcome), 0);
    assert_string_equal(outcome, "pass");
}

static void fail_each(struct ruleset *rules, const struct judged *c)
{
    char expected[OUTCOME_MAX];
    uint32_t told = 0, count = 0;
    memset(store_memory, 0, sizeof store_memory);
    failing = UINT32_MAX;
    goes_on = false;
    assert_int_equal(judge(rules, c, expected), 0);
    if (strncmp(expected, c->expected, strlen(c->expected)) != 0)
        fail_msg("%s: %s, not %s", c->says, expected, c->expected);
    uint32_t all = requests;
    for (; count <= all; count++)
        for (goes_on = false;; goes_on = true) {
            failing = count;
            told += !fail_one(rules, c, expected);
            judge_next(rules);
            if (goes_on)
                break;
        }
    assert_in_range(told, all, 2 * all);
}

TEST(no_request_for_memory_that_fails_lets_anything_through_unseen)
{
    int64_t before = held;
    struct ruleset *rules = load();
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        fail_each(rules, &cases[i]);
    ruleset_free(rules);
    assert_int_equal(held, before);
}

/* Patterns learn with each value: with rules that have seen nothing yet other requests fail. */
TEST(nor_with_rules_that_are_new)
{
    static const size_t some[] = { 1, 3, 6, 10 };
    for (size_t i = 0; i < ARRAY_LENGTH(some); i++) {
        const struct judged *c = &cases[some[i]];
        char expected[OUTCOME_MAX];
        int64_t before = held;
        uint32_t all = UINT32_MAX;
        for (uint32_t count = 0; count <= all; count += count < all / 2 ? 1 : 5) {
            struct ruleset *rules = load();
            if (count == 0) {
                memset(store_memory, 0, sizeof store_memory);
                failing = UINT32_MAX;
                assert_int_equal(judge(rules, c, expected), 0);
                all = requests;
                ruleset_free(rules);
                rules = load();
            }
            failing = count;
            goes_on = count & 1;
            (void)fail_one(rules, c, expected);
            ruleset_free(rules);
            assert_int_equal(held, before);
        }
    }
}

/* Nor does what is left of a transaction that failed make a value known for what it is not. */
TEST(nor_with_values_that_are_known)
{
    enum { UNTIL_ALL_IS_KNOWN = 4 };
    struct ruleset *rules = load();
    remembers = true;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char expected[OUTCOME_MAX];
        for (unsigned again = 0; again < UNTIL_ALL_IS_KNOWN; again++) {
            memset(store_memory, 0, sizeof store_memory);
            failing = UINT32_MAX;
            assert_int_equal(judge(rules, &cases[i], expected), 0);
            assert_memory_equal(expected, cases[i].expected, strlen(cases[i].expected));
        }
        for (uint32_t count = 0, all = requests; count <= all; count++) {
            failing = count;
            goes_on = count & 1;
            (void)fail_one(rules, &cases[i], expected);
        }
    }
    remembers = false;
    ruleset_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_request_for_memory_that_fails_lets_anything_through_unseen),
        cmocka_unit_test(nor_with_rules_that_are_new),
        cmocka_unit_test(nor_with_values_that_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
