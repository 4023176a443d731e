#include "waf/operators/operator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/test.h"
#include "waf/patterns/pattern.h"

#define SLICE_OF(literal)                                                                          \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

struct operator_case {
    const char *name;
    slice argument, value;
    int result;
    slice caught; /* TX.0 of a match */
};

#define MATCH(name, argument, value, caught)                                                       \
    {                                                                                              \
        name, SLICE_OF(argument), SLICE_OF(value), 1, SLICE_OF(caught)                             \
    }
#define NONE(name, argument, value)                                                                \
    {                                                                                              \
        name, SLICE_OF(argument), SLICE_OF(value), 0,                                              \
        {                                                                                          \
            NULL, 0                                                                                \
        }                                                                                          \
    }
/* A match that catches nothing. */
#define PLAIN(name, argument, value)                                                               \
    {                                                                                              \
        name, SLICE_OF(argument), SLICE_OF(value), 1,                                              \
        {                                                                                          \
            NULL, 0                                                                                \
        }                                                                                          \
    }

static const struct operator_case cases[] = {
    PLAIN("unconditionalMatch", "", ""),
    PLAIN("unconditionalMatch", "", "x"),
    NONE("noMatch", "", ""),
    NONE("noMatch", "", "x"),

    MATCH("beginsWith", "GET", "GET / HTTP/1.1", "GET"),
    NONE("beginsWith", "GET", "get /"),
    NONE("beginsWith", "GET", "GE"),
    MATCH("beginsWith", "", "x", ""),
    MATCH("beginsWith", "", "", ""),
    MATCH("endsWith", ".php", "/a.php", ".php"),
    NONE("endsWith", ".php", "/a.php5"),
    NONE("endsWith", ".php", "php"),
    MATCH("endsWith", "", "x", ""),
    MATCH("streq", "JSON", "JSON", "JSON"),
    NONE("streq", "JSON", "json"),
    NONE("streq", "JSON", "JSON "),
    MATCH("streq", "", "", ""),
    MATCH("contains", "b\0c", "ab\0cd", "b\0c"),
    NONE("contains", "bc", "bBc"),
    NONE("contains", "abc", "ab"),
    MATCH("contains", "", "x", ""),
    NONE("contains", "x", ""),
    MATCH("strmatch", "Web", "a WebZIP", "Web"),
    NONE("strmatch", "web", "a WebZIP"),
    MATCH("containsWord", "select", "union select x", "select"),
    MATCH("containsWord", "select", "selects select", "select"),
    MATCH("containsWord", "select", "(select)", "select"),
    MATCH("containsWord", "aa", "aaa aa", "aa"),
    NONE("containsWord", "select", "selects xselect _select select1"),
    NONE("containsWord", "select", ""),
    MATCH("containsWord", "", "", ""),
    MATCH("within", "GET POST HEAD", "POST", "POST"),
    MATCH("within", "GET POST HEAD", "", ""),
    NONE("within", "GET POST HEAD", "post"),
    NONE("within", "GET", "GETS"),
    NONE("within", "", "x"),

    PLAIN("eq", "5", "5"),
    PLAIN("eq", "0", ""),
    PLAIN("eq", "0", "abc"),
    PLAIN("eq", "", "0"),
    PLAIN("eq", "12", " \t+12abc"),
    PLAIN("eq", "-3", "-3.7"),
    NONE("eq", "5", "4"),
    PLAIN("eq", "9223372036854775807", "99999999999999999999"),
    PLAIN("eq", "-9223372036854775808", "-99999999999999999999"),
    PLAIN("ge", "5", "5"),
    PLAIN("ge", "5", "6"),
    NONE("ge", "5", "4"),
    PLAIN("gt", "5", "6"),
    NONE("gt", "5", "5"),
    NONE("gt", "0", "-1"),
    PLAIN("le", "5", "5"),
    NONE("le", "5", "6"),
    PLAIN("lt", "5", "4"),
    NONE("lt", "5", "5"),
    PLAIN("lt", "1", ""),

    MATCH("ipMatch", "127.0.0.1,::1", "127.0.0.1", "127.0.0.1"),
    MATCH("ipMatch", "127.0.0.1,::1", "::1", "::1"),
    MATCH("ipMatch", "127.0.0.1, ::1", "0:0:0:0:0:0:0:1", "0:0:0:0:0:0:0:1"),
    NONE("ipMatch", "127.0.0.1,::1", "127.0.0.2"),
    NONE("ipMatch", "127.0.0.1,::1", "::2"),
    NONE("ipMatch", "127.0.0.1", ""),
    NONE("ipMatch", "127.0.0.1", "localhost"),
    NONE("ipMatch", "127.0.0.1", "127.0.0.1\0x"),
    NONE("ipMatch", "127.0.0.1", "127.0.0.1/8"),
    MATCH("ipMatch", "10.0.0.0/8", "10.255.255.255", "10.255.255.255"),
    MATCH("ipMatch", "10.1.2.3/8", "10.0.0.0", "10.0.0.0"),
    NONE("ipMatch", "10.0.0.0/8", "11.0.0.0"),
    NONE("ipMatch", "10.0.0.0/8", "9.255.255.255"),
    MATCH("ipMatch", "10.0.0.0/9,10.0.0.0/8,10.64.0.0/10", "10.200.0.1", "10.200.0.1"),
    MATCH("ipMatch", "192.0.2.0/24,10.0.0.0/8", "192.0.2.77", "192.0.2.77"),
    NONE("ipMatch", "192.0.2.0/24,10.0.0.0/8,2001:db8::/32", "192.0.3.1"),
    MATCH("ipMatch", "0.0.0.0/0", "255.255.255.255", "255.255.255.255"),
    NONE("ipMatch", "0.0.0.0/0", "2001:db8::1"),
    MATCH("ipMatch", "2001:db8::/32", "2001:db8:ffff::1", "2001:db8:ffff::1"),
    NONE("ipMatch", "2001:db8::/32", "2001:db9::"),
    MATCH("ipMatch", "::/0", "192.0.2.1", "192.0.2.1"),
    MATCH("ipMatch", "192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.1"),
    MATCH("ipMatch", "::ffff:192.0.2.0/120", "192.0.2.9", "192.0.2.9"),
    MATCH("ipMatchFromFile", "networks.txt", "10.1.1.1", "10.1.1.1"),
    MATCH("ipMatchF", "networks.txt", "2001:db8::5", "2001:db8::5"),
    MATCH("ipMatchF", "networks.txt", "192.0.2.2", "192.0.2.2"),
    NONE("ipMatchF", "networks.txt", "192.0.2.3"),
    MATCH("ipMatchF", "empty.txt networks.txt", "192.0.2.1", "192.0.2.1"),
    NONE("ipMatchF", "empty.txt", "192.0.2.1"),

    MATCH("validateByteRange", "32-126", "a\tb", "\t"),
    NONE("validateByteRange", "32-126", "abc~ "),
    NONE("validateByteRange", "32-126", ""),
    MATCH("validateByteRange", "1-255", "a\0", "\0"),
    NONE("validateByteRange", "1-255", "\x01\xff"),
    MATCH("validateByteRange", "9, 10,13,32-126,128-255", "\x7f", "\x7f"),
    NONE("validateByteRange", "9, 10, 13, 32 - 126,128-255", "\t\r\n\x80"),
    MATCH("validateByteRange", "0", "\0\x01", "\x01"),
    NONE("validateUrlEncoding", "", "a%20b%ffc%0A"),
    NONE("validateUrlEncoding", "", ""),
    MATCH("validateUrlEncoding", "", "a%2", "%2"),
    MATCH("validateUrlEncoding", "", "a%", "%"),
    MATCH("validateUrlEncoding", "", "%20%zz1", "%zz"),
    MATCH("validateUrlEncoding", "", "%2g", "%2g"),
    MATCH("validateUrlEncoding", "", "%u0041", "%u0"),
    NONE("validateUtf8Encoding", "", ""),
    NONE("validateUtf8Encoding", "", "plain text, longer than a word\0"),
    NONE("validateUtf8Encoding", "", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"),
    NONE("validateUtf8Encoding", "", "\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"),
    MATCH("validateUtf8Encoding", "", "abcdefgh\xc0\xbc", "\xc0"),
    MATCH("validateUtf8Encoding", "", "\xc1\xbf", "\xc1"),
    MATCH("validateUtf8Encoding", "", "\xe0\x9f\xbf", "\xe0"),
    MATCH("validateUtf8Encoding", "", "\xf0\x8f\xbf\xbf", "\xf0"),
    MATCH("validateUtf8Encoding", "", "\xed\xa0\x80", "\xed"),
    MATCH("validateUtf8Encoding", "", "\xf4\x90\x80\x80", "\xf4"),
    MATCH("validateUtf8Encoding", "", "\xf5\x80\x80\x80", "\xf5"),
    MATCH("validateUtf8Encoding", "", "\x80", "\x80"),
    MATCH("validateUtf8Encoding", "", "\xff", "\xff"),
    MATCH("validateUtf8Encoding", "", "a\xc3", "\xc3"),
    MATCH("validateUtf8Encoding", "", "\xe2\x82", "\xe2"),
    MATCH("validateUtf8Encoding", "", "\xf0\x9f\x98", "\xf0"),
    MATCH("validateUtf8Encoding", "", "\xe2\x28\xa1", "\xe2"),

    MATCH("rx", "b+", "abbbc", "bbb"),
    MATCH("rx", "", "abc", ""),
    MATCH("rx", "^a.c$", "a\nc", "a\nc"),
    MATCH("rx", "(?i)SCRIPT", "<script>", "script"),
    NONE("rx", "SCRIPT", "<script>"),
    NONE("rx", "a$", "a\n"),
    MATCH("rx", "\\x00", "a\0b", "\0"),
    MATCH("pm", "nikto sqlmap", "x SQLMap/1.0", "SQLMap"),
    NONE("pm", "nikto sqlmap", "sqlma nikt"),
    NONE("pm", "nikto", ""),
    MATCH("pm", "a|41 42|b", "xaABbx", "aABb"),
    MATCH("pmFromFile", "words.data", "the second phrase here", "second phrase"),
    MATCH("pmf", "words.data more.data", "and MORE", "MORE"),
    NONE("pmFromFile", "words.data", "# comment"),
    MATCH("detectSQLi", "", "1' or '1'='1", "s&sos"),
    NONE("detectSQLi", "", "a plain sentence"),
    MATCH("detectXSS", "", "<script>alert(1)</script>", "<script"),
    NONE("detectXSS", "", "1 < 2 and 3 > 2"),

    NONE("rbl", "list.example", "192.0.2.77"), /* nobody has been asked */
    PLAIN("geoLookup", "", "192.0.2.77"),
    NONE("geoLookup", "", "10.0.0.1"),
};

static const struct {
    slice path, content;
} files[] = {
    { SLICE_OF("networks.txt"),
      SLICE_OF("# mine\n10.0.0.0/8 # inside\r\n\n2001:db8::/32\n192.0.2.1, 192.0.2.2\n") },
    { SLICE_OF("empty.txt"), SLICE_OF("# nothing\n\n") },
    { SLICE_OF("words.data"), SLICE_OF("# comment\nfirst\r\n\nsecond phrase\n") },
    { SLICE_OF("more.data"), SLICE_OF("more") },
    { SLICE_OF("bad.txt"), SLICE_OF("10.0.0.0/8\n10.0.0.0/33\n") },
};

static int read_file(UNUSED void *context, slice path, slice beside, slice *ret_bytes)
{
    assert_slice_equal(beside, SLICE("/rules/x.conf"));
    for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
        if (!slice_equal(files[i].path, path))
            continue;
        *ret_bytes = files[i].content;
        return 0;
    }
    return -ENOENT;
}

static int geo_lookup(UNUSED void *context, slice address)
{
    return slice_equal(address, SLICE("192.0.2.77"));
}

static const struct operator_world world = { .read_file = read_file, .geo_lookup = geo_lookup };

/* One operator with its argument. */
struct fixture {
    struct arena arena;
    struct pattern_cache *patterns;
    struct waf_problem problem;
    struct operator_setup setup;
    const struct operator* op;
    slice argument;
    void *prepared;
    struct work work;
};

static int fixture_open(struct fixture *f, const char *name, slice argument, bool has_macro)
{
    *f = (struct fixture){ .op = operator_find(slice_from(name)), .argument = argument };
    assert_non_null(f->op);
    arena_open(&f->arena, NULL, 0, 4096, 1 << 20);
    assert_int_equal(pattern_cache_open(PATTERN_CACHE_BYTES, &f->patterns), 0);
    f->setup = (struct operator_setup){ .arena = &f->arena,
                                        .world = &world,
                                        .patterns = f->patterns,
                                        .rule_file = SLICE("/rules/x.conf"),
                                        .problem = &f->problem };
    work_open(&f->work, 0, NULL, NULL);
    return operator_prepare(f->op, &f->setup, argument, has_macro, &f->prepared);
}

static void fixture_close(struct fixture *f)
{
    operator_release(f->op, f->prepared);
    pattern_cache_free(f->patterns);
    arena_close(&f->arena);
}

static int evaluate(struct fixture *f, slice argument, slice value, struct operator_match *match)
{
    return f->op->evaluate(f->prepared, argument, value, match, &f->work);
}

static slice caught(const struct operator_match *match, slice value)
{
    if (match->word.len > 0)
        return match->word;
    if (match->count == 0)
        return slice_of(NULL, 0);
    assert_true(match->spans[0].at <= value.len);
    assert_true(match->spans[0].len <= value.len - match->spans[0].at);
    return slice_of(value.ptr + match->spans[0].at, match->spans[0].len);
}

/* In memory of its own, so that a sanitizer sees a byte beyond. */
static slice exact_copy(slice s)
{
    char *copy = malloc(s.len);
    assert_true(copy || s.len == 0);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    return slice_of(copy, s.len);
}

TEST(every_operator_decides_as_its_cases_say)
{
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct operator_case *c = &cases[i];
        struct fixture f;
        assert_int_equal(fixture_open(&f, c->name, c->argument, false), 0);
        slice value = exact_copy(c->value);
        struct operator_match match = { 0 };
        int result = evaluate(&f, c->argument, value, &match);
        slice word = result == 1 ? caught(&match, value) : slice_of(NULL, 0);
        if (result != c->result || !slice_equal(word, c->caught))
            fail_msg("@%s %.*s on \"%.*s\" (case %zu): %d \"%.*s\", not %d \"%.*s\"", c->name,
                     SLICE_ARGUMENTS(c->argument), SLICE_ARGUMENTS(value), i, result,
                     SLICE_ARGUMENTS(word), c->result, SLICE_ARGUMENTS(c->caught));
        assert_int_equal(evaluate(&f, c->argument, value, NULL), c->result);
        free((void *)(uintptr_t)value.ptr);
        fixture_close(&f);
    }
}

/* Those without macros may be handed an expansion each time instead. */
TEST(an_argument_with_macros_decides_by_its_expansion)
{
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct operator_case *c = &cases[i];
        struct fixture f;
        if (!operator_find(slice_from(c->name))->has_macros)
            continue;
        assert_int_equal(fixture_open(&f, c->name, SLICE("%{tx.x}"), true), 0);
        assert_int_equal(evaluate(&f, c->argument, c->value, NULL), c->result);
        fixture_close(&f);
    }
}

TEST(every_operator_has_cases_and_a_place_in_the_order_of_names)
{
    for (size_t i = 0; i < waf_operator_count; i++) {
        const struct operator* op = waf_operators[i];
        unsigned matches = 0, nones = 0;
        for (size_t c = 0; c < ARRAY_LENGTH(cases); c++) {
            if (operator_find(slice_from(cases[c].name)) != op)
                continue;
            matches += cases[c].result == 1;
            nones += cases[c].result == 0;
        }
        if ((matches == 0 && !op->asks_list && strcmp(op->name, "noMatch") != 0) ||
            (nones == 0 && strcmp(op->name, "unconditionalMatch") != 0))
            fail_msg("@%s has no case of each kind", op->name);
        assert_true(op->evaluate && op->meaning && strstr(op->example, op->name));
        assert_true(i == 0 || strcasecmp(waf_operators[i - 1]->name, op->name) < 0);
    }
}

TEST(a_wrong_argument_is_said_in_words)
{
    static const struct {
        const char *name;
        slice argument;
        const char *says;
    } bad[] = {
        { "noMatch", SLICE_OF("x"), "takes no argument, found \"x\"" },
        { "ipMatch", SLICE_OF(""), "no address" },
        { "ipMatch", SLICE_OF("127.0.0.1,"), "no address" },
        { "ipMatch", SLICE_OF("10.0.0.0/33"), "\"10.0.0.0/33\"" },
        { "ipMatch", SLICE_OF("2001:db8::/129"), "\"2001:db8::/129\"" },
        { "ipMatch", SLICE_OF("10.0.0.0/"), "\"10.0.0.0/\"" },
        { "ipMatch", SLICE_OF("10.0.0"), "\"10.0.0\"" },
        { "ipMatch", SLICE_OF("localhost"), "\"localhost\"" },
        { "ipMatchFromFile", SLICE_OF(""), "file name" },
        { "ipMatchFromFile", SLICE_OF("none.txt"), "cannot read the file \"none.txt\"" },
        { "ipMatchFromFile", SLICE_OF("bad.txt"), "\"10.0.0.0/33\"" },
        { "validateByteRange", SLICE_OF(""), "no byte" },
        { "validateByteRange", SLICE_OF("256"), "\"256\"" },
        { "validateByteRange", SLICE_OF("5-3"), "\"5-3\"" },
        { "validateByteRange", SLICE_OF("1-"), "\"1-\"" },
        { "validateByteRange", SLICE_OF("1,x"), "\"x\"" },
        { "rx", SLICE_OF("a(b"), "@rx: " },
        { "rx", SLICE_OF("a{2,1}"), "@rx: " },
        { "pm", SLICE_OF(""), "@pm" },
        { "pm", SLICE_OF("|4"), "@pm" },
        { "pmFromFile", SLICE_OF("none.data"), "cannot read the file \"none.data\"" },
        { "pmFromFile", SLICE_OF("empty.txt"), "\"empty.txt\"" },
        { "rbl", SLICE_OF(""), "name of a list" },
        { "rbl", SLICE_OF("list..example"), "list.example.org, found \"list..example\"" },
        { "rbl", SLICE_OF("http://list.example/"), "name of a list" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct fixture f;
        assert_int_equal(fixture_open(&f, bad[i].name, bad[i].argument, false), -EINVAL);
        if (!strstr(f.problem.text, bad[i].says))
            fail_msg("@%s %.*s: \"%s\"", bad[i].name, SLICE_ARGUMENTS(bad[i].argument),
                     f.problem.text);
        assert_null(f.prepared);
        fixture_close(&f);
    }
    struct fixture f;
    assert_int_equal(fixture_open(&f, "pm", SLICE("%{tx.x}"), true), -EINVAL);
    assert_non_null(strstr(f.problem.text, "%{...}"));
    fixture_close(&f);
}

TEST(an_unknown_operator_is_named_with_the_nearest)
{
    struct waf_problem problem;
    assert_null(operator_find(SLICE("detectSQL")));
    assert_int_equal(operator_unknown(SLICE("detectSQL"), &problem), -EINVAL);
    assert_string_equal(problem.text, "there is no operator @detectSQL; did you mean @detectSQLi?");
    assert_int_equal(operator_unknown(SLICE("INSPECTFILE"), &problem), -EINVAL);
    assert_non_null(strstr(problem.text,
                           "the operator @inspectFile does not exist here: rules run no programs"));
    assert_int_equal(operator_unknown(SLICE("somethingElseAltogether"), &problem), -EINVAL);
    assert_string_equal(problem.text, "there is no operator @somethingElseAltogether");
    assert_string_equal(operator_find(SLICE("IPMATCHf"))->name, "ipMatchFromFile");
    assert_string_equal(operator_find(SLICE("PMF"))->name, "pmFromFile");
}

TEST(rx_gives_its_groups)
{
    struct fixture f;
    struct operator_match match = { 0 };
    slice value = SLICE("charset=utf-8; x");
    assert_int_equal(fixture_open(&f, "rx", SLICE("(charset)\\s*=\\s*(\"?)([^;\\s]+)"), false), 0);
    assert_int_equal(evaluate(&f, f.argument, value, &match), 1);
    assert_int_equal(match.count, 4);
    assert_int_equal(match.spans[3].at, 8);
    assert_int_equal(match.spans[3].len, 5);
    assert_non_null(operator_pattern(f.op, f.prepared));
    assert_null(operator_phrases(f.op, f.prepared));
    fixture_close(&f);
}

TEST(rx_keeps_a_bounded_number_of_expansions)
{
    struct fixture f;
    assert_int_equal(fixture_open(&f, "rx", SLICE("^%{tx.x}$"), true), 0);
    assert_null(operator_pattern(f.op, f.prepared));
    for (unsigned round = 0; round < 100; round++) {
        char text[32], value[32];
        snprintf(text, sizeof text, "^a{%u}$", round % 40 + 1);
        memset(value, 'a', sizeof value);
        slice argument = slice_from(text);
        size_t len = round % 40 + 1 < sizeof value ? round % 40 + 1 : 3;
        int expected = round % 40 + 1 == len;
        struct operator_match match = { 0 };
        assert_int_equal(evaluate(&f, argument, slice_of(value, len), &match), expected);
        if (expected)
            assert_int_equal(match.spans[0].len, len);
    }
    assert_int_equal(evaluate(&f, SLICE("a(b"), SLICE("a(b"), NULL), 0);
    char *text = malloc(100000);
    assert_non_null(text);
    memset(text, 'a', 100000);
    assert_int_equal(evaluate(&f, slice_of(text, 100000), slice_of(text, 100000), NULL), 0);
    free(text);
    fixture_close(&f);
}

/* A pause within an expansion, in which others use the same operator. */
static void use_meanwhile(struct fixture *f)
{
    for (unsigned i = 0; i < 40; i++) {
        char text[32];
        struct work work;
        snprintf(text, sizeof text, "b{%u}", i + 1);
        work_open(&work, 0, NULL, NULL);
        assert_int_equal(f->op->evaluate(f->prepared, slice_from(text), SLICE("a"), NULL, &work),
                         0);
    }
}

static bool pause_and_use(void *context)
{
    use_meanwhile(context);
    return true;
}

TEST(an_expansion_in_use_is_not_taken_away)
{
    struct fixture f;
    size_t len = 1 << 20;
    char *value = malloc(len);
    assert_non_null(value);
    memset(value, 'a', len);
    assert_int_equal(fixture_open(&f, "rx", SLICE("%{tx.x}"), true), 0);
    work_open(&f.work, 0, pause_and_use, &f);
    assert_int_equal(evaluate(&f, SLICE("a+[bc]"), slice_of(value, len), NULL), 0);
    value[len - 1] = 'c';
    assert_int_equal(evaluate(&f, SLICE("a+[bc]"), slice_of(value, len), NULL), 1);
    free(value);
    fixture_close(&f);
}

TEST(pm_tells_its_phrases_to_the_prefilter)
{
    struct fixture f;
    assert_int_equal(fixture_open(&f, "pm", SLICE("one two"), false), 0);
    assert_non_null(operator_phrases(f.op, f.prepared));
    assert_null(operator_pattern(f.op, f.prepared));
    fixture_close(&f);
}

/* Found in any place of a long value, also across the windows of the search. */
TEST(text_is_found_anywhere_in_a_long_value)
{
    size_t len = 5 * WORK_BLOCK;
    char *value = malloc(len);
    assert_non_null(value);
    struct fixture f;
    slice needle = SLICE("needle");
    assert_int_equal(fixture_open(&f, "contains", needle, false), 0);
    for (size_t at = WORK_BLOCK - 8; at <= len - needle.len; at += WORK_BLOCK / 8 - 3) {
        memset(value, 'n', len);
        memcpy(value + at, needle.ptr, needle.len);
        struct operator_match match = { 0 };
        assert_int_equal(evaluate(&f, needle, slice_of(value, len), &match), 1);
        assert_int_equal(match.spans[0].at, at);
        assert_int_equal(evaluate(&f, needle, slice_of(value, at + needle.len - 1), NULL), 0);
    }
    for (size_t at = WORK_BLOCK - 8; at < WORK_BLOCK + 8; at++) {
        memset(value, 'n', len);
        memcpy(value + at, needle.ptr, needle.len);
        assert_int_equal(evaluate(&f, needle, slice_of(value, len), NULL), 1);
    }
    fixture_close(&f);
    free(value);
}

static bool stop(UNUSED void *context)
{
    return false;
}

TEST(a_long_value_stops_when_nobody_wants_it)
{
    static const struct {
        const char *name;
        slice argument;
    } reading[] = {
        { "contains", SLICE_OF("x") },
        { "containsWord", SLICE_OF("x") },
        { "strmatch", SLICE_OF("x") },
        { "validateByteRange", SLICE_OF("0-255") },
        { "validateUrlEncoding", SLICE_OF("") },
        { "validateUtf8Encoding", SLICE_OF("") },
        { "rx", SLICE_OF("x") },
        { "pm", SLICE_OF("x y") },
    };
    size_t len = 1 << 20;
    char *value = malloc(len);
    assert_non_null(value);
    memset(value, 'a', len);
    for (size_t i = 0; i < ARRAY_LENGTH(reading); i++) {
        struct fixture f;
        assert_int_equal(fixture_open(&f, reading[i].name, reading[i].argument, false), 0);
        work_open(&f.work, 0, stop, NULL);
        assert_int_equal(evaluate(&f, f.argument, slice_of(value, len), NULL), -ECANCELED);
        work_open(&f.work, 1000, NULL, NULL);
        assert_int_equal(evaluate(&f, f.argument, slice_of(value, len), NULL), -EDQUOT);
        fixture_close(&f);
    }
    free(value);
}

TEST(what_the_world_cannot_do_matches_nothing)
{
    struct fixture f;
    slice argument = SLICE("");
    assert_int_equal(fixture_open(&f, "geoLookup", argument, false), 0);
    operator_release(f.op, f.prepared);
    f.setup.world = NULL;
    assert_int_equal(operator_prepare(f.op, &f.setup, argument, false, &f.prepared), 0);
    assert_int_equal(evaluate(&f, argument, SLICE("192.0.2.77"), NULL), 0);
    fixture_close(&f);
}

enum { RANDOM_VALUE_MAX = 64 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Of allowed bytes, half of them such as attacks have. */
static slice random_value(uint64_t *state, const struct byte_set *refused, char *memory)
{
    static const char likely[] = "'\"<>=:;&%/*-#()| \\`\n0129aeimnorstuxAOR";
    size_t wanted = next_random(state) % RANDOM_VALUE_MAX, len = 0;
    while (len < wanted) {
        uint64_t r = next_random(state);
        char byte = r & 256 ? (char)r : likely[(r >> 16) % (sizeof likely - 1)];
        if (!byte_set_has(refused, (unsigned char)byte))
            memory[len++] = byte;
    }
    return slice_of(memory, len);
}

/* What the prefilter keeps from the operator must be what the operator says no to. */
TEST(a_value_without_the_required_bytes_never_matches)
{
    static const struct {
        const char *name, *argument;
    } operators[] = { { "detectSQLi", "" },
                      { "detectXSS", "" },
                      { "validateByteRange", "9,10,13,32-126,128-255" },
                      { "validateByteRange", "1-255" },
                      { "validateByteRange", "0-255" },
                      { "validateUrlEncoding", "" },
                      { "validateUtf8Encoding", "" } };
    enum { ROUNDS = 20000 };
    uint64_t random = 4711;
    for (size_t i = 0; i < ARRAY_LENGTH(operators); i++) {
        struct arena arena;
        arena_open(&arena, NULL, 0, 65536, 1 << 20);
        struct waf_problem problem = { 0 };
        struct operator_setup setup = { .arena = &arena, .problem = &problem };
        const struct operator* op = operator_find(slice_from(operators[i].name));
        void *prepared;
        struct byte_set required;
        char memory[RANDOM_VALUE_MAX];
        slice argument = slice_from(operators[i].argument);
        assert_int_equal(operator_prepare(op, &setup, argument, false, &prepared), 0);
        assert_true(operator_required(op, prepared, &required));
        for (unsigned round = 0; round < ROUNDS; round++) {
            struct work work;
            slice value = random_value(&random, &required, memory);
            work_open(&work, 0, NULL, NULL);
            if (op->evaluate(prepared, argument, value, NULL, &work) != 0)
                fail_msg("@%s matches \"%.*s\"", op->name, SLICE_ARGUMENTS(value));
        }
        operator_release(op, prepared);
        arena_close(&arena);
    }
    struct byte_set none;
    assert_false(operator_required(operator_find(SLICE("eq")), NULL, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_decides_as_its_cases_say),
        cmocka_unit_test(an_argument_with_macros_decides_by_its_expansion),
        cmocka_unit_test(every_operator_has_cases_and_a_place_in_the_order_of_names),
        cmocka_unit_test(a_wrong_argument_is_said_in_words),
        cmocka_unit_test(an_unknown_operator_is_named_with_the_nearest),
        cmocka_unit_test(rx_gives_its_groups),
        cmocka_unit_test(rx_keeps_a_bounded_number_of_expansions),
        cmocka_unit_test(an_expansion_in_use_is_not_taken_away),
        cmocka_unit_test(pm_tells_its_phrases_to_the_prefilter),
        cmocka_unit_test(text_is_found_anywhere_in_a_long_value),
        cmocka_unit_test(a_long_value_stops_when_nobody_wants_it),
        cmocka_unit_test(what_the_world_cannot_do_matches_nothing),
        cmocka_unit_test(a_value_without_the_required_bytes_never_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
