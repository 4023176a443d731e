#include "waf/patterns/pattern.h"

#include <errno.h>

#include "base/test.h"
#include "waf/patterns/compiled.h"
#include "waf/patterns/sample.h"

static struct pattern_cache *cache;

static int open_cache(UNUSED void **state)
{
    return pattern_cache_open(PATTERN_CACHE_BYTES, &cache);
}

static int free_cache(UNUSED void **state)
{
    assert_int_equal(pattern_cache_bytes(cache), 0);
    pattern_cache_free(cache);
    return 0;
}

static struct pattern *compile(const char *text, unsigned flags)
{
    struct pattern *pattern;
    struct pattern_problem problem = { 0 };
    if (pattern_compile(slice_from(text), flags, cache, &pattern, &problem) != 0)
        fail_msg("%s: %s at %zu", text, problem.text, problem.at);
    return pattern;
}

static int matches(struct pattern *pattern, slice value)
{
    struct work work;
    work_open(&work, 0, NULL, NULL);
    return pattern_matches(pattern, value, &work);
}

TEST(a_pattern_matches_what_it_says)
{
    static const struct {
        const char *pattern, *value;
        bool matches;
    } cases[] = {
        { "", "", true },
        { "abc", "xxabcxx", true },
        { "abc", "xxabxx", false },
        { "^abc$", "abc", true },
        { "^abc$", "abc\n", false }, /* DOLLAR_ENDONLY */
        { "a.c", "a\nc", true },     /* DOTALL */
        { "(?-s)a.c", "a\nc", false },
        { "(?m)^b$", "a\nb\nc", true },
        { "(?m)^$", "a\n", false }, /* not behind a line feed that ends the text */
        { "(?i)AbC", "aBc", true },
        { "a(?i)b|c", "C", true }, /* options hold for the alternatives that follow */
        { "(?:a(?i)b)c", "aBc", true },
        { "(?:a(?i)b)c", "aBC", false },
        { "[[:alpha:]]{3}", "ab3", false },
        { "(?i)[[:^lower:]]", "A", false }, /* caseless, all letters */
        { "[]a]+b", "]]b", true },
        { "[^]a]b", "]b", false },
        { "[\\w-]+=", "-=", true },
        { "\\bfoo\\b", "a foo.", true },
        { "\\bfoo\\b", "afoo", false },
        { "\\Bfoo", "afoo", true },
        { "\\v", "\x85", true },
        { "\\s", "\v", true },
        { "\\h", "\xa0", true },
        { "\\x41\\x{42}\\103", "ABC", true },
        { "\\Qa.b\\E+", "a.bbb", true },
        { "\\Qa.b\\E+", "axb", false },
        { "(?x) a b # c\n d", "abd", true },
        { "a{2,3}b", "xab", false },
        { "a{2,3}b", "aaaaab", true },
        { "a{,3}", "a{,3}", true },
        { "a{x", "a{x", true },
        { "x*+y", "xxy", true },
        { "x*+x", "xxx", false },
        { "(?>a+)ab", "aaab", false },
        { "(a+)\\1b", "aaaab", true },
        { "(?<!a)b", "ab", false },
        { "foo(?!bar)", "foobar foobaz", true },
        { "foo(?!bar)", "foobar", false },
        { "(?:a|b)*c$", "ababc", true },
        { "^(?:(?:a?)*b){3}$", "abaabb", true },
        { "\\Aa\\z", "a", true },
        { "a\\Z", "a\n", true },
        { "^\\s*$", " \t", true },
        { "[a-\\d]", "-", true },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct pattern *pattern;
        if (pattern_compile(slice_from(cases[i].pattern), 0, cache, &pattern, NULL) != 0) {
            assert_string_equal(cases[i].pattern, "[a-\\d]"); /* PCRE2 calls it an error */
            continue;
        }
        if (matches(pattern, slice_from(cases[i].value)) != cases[i].matches)
            fail_msg("%s on \"%s\"", cases[i].pattern, cases[i].value);
        pattern_free(pattern);
    }
}

TEST(the_automaton_decides_but_for_what_it_cannot_take)
{
    static const struct {
        const char *pattern;
        bool is_linear;
    } cases[] = {
        { "a(b|c)*?d$", true },
        { "\\s*+;", true }, /* what follows cannot begin like what is repeated */
        { "(?:\\s*+;\\s*+[a-z])*", true },
        { "\\s*+[^;]", false },
        { "(?:ab)*+c", false },
        { "a*+\\b", false },
        { "(a)\\1", false },
        { "(?=a)b", false },
        { "a\\Z", false },
        { "(?(1)a|b)()", false },
        { "(*ANYCRLF)a", false },
        { "(?:a{100}){100}", true },
        { "(?:a{1000}){1000}", false }, /* no program of a million steps */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct pattern *pattern = NULL;
        struct pattern_problem problem;
        int result = pattern_compile(slice_from(cases[i].pattern), 0, cache, &pattern, &problem);
        if (result == 0 && pattern_is_linear(pattern) != cases[i].is_linear)
            fail_msg("%s", cases[i].pattern);
        if (result) /* PCRE2 itself has a limit of size */
            assert_false(cases[i].is_linear);
        pattern_free(pattern);
    }
}

TEST(what_is_no_regular_expression_is_said_with_its_place)
{
    static const struct {
        const char *pattern;
        size_t at;
    } cases[] = { { "a(b", 3 }, { "[a", 2 }, { "*a", 0 }, { "a)", 1 }, { "[b-a]", 3 } };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct pattern *pattern;
        struct pattern_problem problem;
        assert_int_equal(
            pattern_compile(slice_from(cases[i].pattern), 0, cache, &pattern, &problem), -EINVAL);
        assert_int_equal(problem.at, cases[i].at);
        assert_true(problem.text[0]);
    }
    static char large[PATTERN_TEXT_MAX + 1];
    struct pattern_problem problem;
    struct pattern *pattern;
    memset(large, 'a', sizeof large);
    assert_int_equal(pattern_compile(slice_of(large, sizeof large), 0, cache, &pattern, &problem),
                     -EINVAL);
    assert_non_null(strstr(problem.text, "65537 bytes"));
}

TEST(groups_are_where_pcre2_finds_them)
{
    struct pattern *pattern = compile("(a+)(x)?(b)|z", 0);
    struct operator_match match;
    struct work work;
    work_open(&work, 0, NULL, NULL);
    assert_int_equal(pattern_capture(pattern, SLICE("..aab"), &match, &work), 1);
    assert_int_equal(match.count, 4);
    assert_true(match.spans[0].at == 2 && match.spans[0].len == 3);
    assert_true(match.spans[1].at == 2 && match.spans[1].len == 2);
    assert_true(match.spans[2].at == 0 && match.spans[2].len == 0);
    assert_true(match.spans[3].at == 4 && match.spans[3].len == 1);
    assert_int_equal(pattern_capture(pattern, SLICE("none"), &match, &work), 0);
    pattern_free(pattern);
}

/* The short way for ^…$ says the same. */
TEST(a_match_of_the_whole_value_is_where_pcre2_finds_it)
{
    static const struct {
        const char *pattern, *value;
        size_t at, len;
    } cases[] = {
        { "^.*$", "a\nb\n", 0, 4 },
        { "^.*$", "", 0, 0 },
        { "^[a-z]+$", "abc", 0, 3 },
        { "^a\\Kb$", "ab", 1, 1 },
        { "^a|b$", "xb", 1, 1 },
        { "(?m)^b$", "a\nb", 2, 1 },
        { "^(?:a|ab)(?:c|bcd)$", "abcd", 0, 4 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct pattern *pattern = compile(cases[i].pattern, 0);
        slice value = slice_from(cases[i].value);
        struct operator_match match;
        struct work work;
        work_open(&work, 0, NULL, NULL);
        assert_int_equal(pattern_matches(pattern, value, &work), 1);
        assert_int_equal(pattern_capture(pattern, value, &match, &work), 1);
        assert_int_equal(match.count, 1);
        assert_int_equal(match.spans[0].at, cases[i].at);
        assert_int_equal(match.spans[0].len, cases[i].len);
        pattern_free(pattern);
    }
}

static const char *const varied[] = {
    "abc|abd|b.d",
    "(?i)sel(?:ect|f)\\s+\\w*?from",
    "^(?:a|b*c)+$",
    "\\b\\w{2,5}\\b[^a]",
    "[^a-c]{3}x",
    "(?:x?y?z?)*w",
    "a{3,7}b{2,}c?",
    "(?m)^\\s*#.*$",
    "(?m)\\n^a",
    "\\Bx\\b|\\by",
    "(?:ab|a)(?:bc|c)d",
    "['\"`][^'\"`]*?(?:or|and)\\b\\s*\\d",
    "(?i:<script[^>]*>[\\s\\S]*?)",
    "\\$\\{[^\\}]+\\}",
    "(?:(?:a{1,3}){1,3}b)*$",
    "^[^=]*=(?:[^;]*;){2,4}$",
    "a.{0,20}b.{0,20}c",
    ".{5}a.{3}$",
    "(?:^|;)\\s*(?:cat|ls|c[\\\\'\"]*a[\\\\'\"]*t)\\b",
    "x*+y",
    "(?i)[[:^lower:][:digit:]]+z",
    "\\W\\w\\W$",
    "(?=a)a|b(?!c)",
    "(a|b)\\1",
    "(?<=x|y)y",
    "a\\Zb?",
    "(?>ab?)b",
    "[\\d-]+\\.[a-z]{2,}(?::\\d+)?/",
};

static unsigned differences_of(struct pattern *pattern, uint64_t seed, unsigned rounds)
{
    struct arena arena;
    struct node *root;
    unsigned matched = 0;
    struct sample sample = { .random = seed };
    arena_open(&arena, NULL, 0, 65536, 64 << 20);
    assert_int_equal(pattern_tree(pattern, &arena, &root), 0);
    for (unsigned i = 0; i < rounds; i++) {
        sample.len = 0;
        for (uint64_t parts = sample_random(&sample, 3); parts; parts--)
            sample_append(&sample, root);
        for (uint64_t changes = sample_random(&sample, 4); changes; changes--)
            sample_mutate(&sample);
        slice value = sample_slice(&sample);
        struct work work;
        work_open(&work, 0, NULL, NULL);
        int expected = pcre_match(pattern->code, cache, value, &pcre_decide, NULL, &work);
        if (expected < 0)
            continue;
        matched += (unsigned)expected;
        if (matches(pattern, value) != expected)
            fail_msg("%s: PCRE2 says %d of a value of %zu bytes: %.*s", pattern->text.ptr, expected,
                     value.len, SLICE_ARGUMENTS(value));
    }
    arena_close(&arena);
    return matched;
}

TEST(the_answer_is_pcre2s)
{
    for (size_t i = 0; i < ARRAY_LENGTH(varied); i++)
        for (unsigned flags = 0; flags <= PATTERN_CASELESS; flags++) {
            struct pattern *pattern = compile(varied[i], flags);
            unsigned matched = differences_of(pattern, 17 + i, 400);
            if (matched < 20)
                fail_msg("%s: only %u of the samples matched", varied[i], matched);
            pattern_free(pattern);
        }
}

/* With hardly any room automata are emptied all the time, and searches go on without states. */
TEST(the_answer_is_the_same_when_there_is_no_room_for_states)
{
    struct pattern_cache *roomy = cache;
    for (size_t bytes = 0; bytes <= 16384; bytes = bytes * 2 + 1024) {
        struct pattern *patterns[4];
        assert_int_equal(pattern_cache_open(bytes, &cache), 0);
        for (size_t i = 0; i < ARRAY_LENGTH(varied); i++) {
            struct pattern *pattern = compile(varied[i], 0);
            differences_of(pattern, 5 + i, 60);
            assert_true(pattern_cache_bytes(cache) <= bytes);
            if (i >= ARRAY_LENGTH(patterns))
                pattern_free(patterns[i % ARRAY_LENGTH(patterns)]);
            patterns[i % ARRAY_LENGTH(patterns)] = pattern;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(patterns); i++)
            pattern_free(patterns[i]);
        assert_int_equal(pattern_cache_bytes(cache), 0);
        pattern_cache_free(cache);
    }
    cache = roomy;
}

struct interrupted {
    struct pattern *pattern;
    unsigned depth, pauses;
};

/* Another fiber uses the same pattern while this one waits. */
static bool search_in_pause(void *context)
{
    struct interrupted *i = context;
    static char value[3000];
    struct sample sample = { .random = 99 + i->pauses };
    i->pauses++;
    for (size_t at = 0; at < sizeof value; at++)
        value[at] = (char)('a' + sample_random(&sample, 4));
    assert_true(matches(i->pattern, slice_of(value, sizeof value)) >= 0);
    return true;
}

TEST(a_search_that_waits_keeps_its_states)
{
    struct pattern_cache *roomy = cache;
    static char value[600000];
    struct sample sample = { .random = 7 };
    for (size_t at = 0; at < sizeof value; at++)
        value[at] = (char)('a' + sample_random(&sample, 3));
    memcpy(value + sizeof value - 14, "dabcabcabcabcd", 14);
    assert_int_equal(pattern_cache_open(20000, &cache), 0);
    struct interrupted interrupted = { .pattern = compile("d(?:a[abc]{3}b|[abc]{12})d$", 0) };
    struct work work;
    work_open(&work, 0, search_in_pause, &interrupted);
    assert_int_equal(pattern_matches(interrupted.pattern, slice_of(value, sizeof value), &work), 1);
    assert_true(interrupted.pauses >= 4);
    assert_int_equal(pattern_matches(interrupted.pattern, slice_of(value, sizeof value - 1), &work),
                     0);
    pattern_free(interrupted.pattern);
    pattern_cache_free(cache);
    cache = roomy;
}

TEST(a_search_ends_when_the_work_is_spent)
{
    static char value[1 << 20];
    struct pattern *pattern = compile("b", 0);
    struct work work;
    memset(value, 'a', sizeof value);
    work_open(&work, WORK_PAUSE_STEPS, NULL, NULL);
    assert_int_equal(pattern_matches(pattern, slice_of(value, sizeof value), &work), -EDQUOT);
    pattern_free(pattern);
}

TEST(pcre2_is_stopped_where_it_would_take_for_ever)
{
    struct pattern *pattern = compile("(?:(a|aa)+)\\1$|(?=x)(?:a|a?)+$", 0);
    static char value[5000];
    memset(value, 'a', sizeof value - 1);
    value[sizeof value - 1] = 'b';
    int result = matches(pattern, slice_of(value, sizeof value));
    assert_true(result == 0 || result == -EDQUOT);
    pattern_free(pattern);

    pattern = compile("([a-z]+)c[a-z]*\\1!", 0); /* quadratic: PCRE2's own limit would not see it */
    memset(value, 'a', sizeof value);
    memcpy(value + sizeof value - 2, "c!", 2);
    assert_int_equal(matches(pattern, slice_of(value, sizeof value)), -EDQUOT);
    pattern_free(pattern);

    pattern = compile("(?:(a|aa|aaa)+)+(?=!)!", 0);
    value[sizeof value - 1] = 'a';
    assert_int_equal(matches(pattern, slice_of(value, sizeof value)), 0); /* no ! : no PCRE2 */
    value[0] = '!';
    assert_int_equal(matches(pattern, slice_of(value, sizeof value)), 0);
    pattern_free(pattern);

    pattern = compile("^(?:(a|aa|aaa)+)+\\1b", 0);
    value[sizeof value - 1] = 'b';
    value[0] = 'a';
    value[sizeof value - 2] = 'c';
    assert_int_equal(matches(pattern, slice_of(value, sizeof value)), -EDQUOT);
    pattern_free(pattern);
}

TEST(without_pcre2s_budget_the_span_ends_where_the_automaton_was_sure)
{
    struct pattern *pattern = compile("(?:(?:a|a?)+b|a+c)", 0);
    static char value[60000];
    struct operator_match match;
    struct work work;
    memset(value, 'a', sizeof value);
    memcpy(value + sizeof value - 6, "adaac.", 6);
    work_open(&work, 0, NULL, NULL);
    assert_int_equal(pattern_capture(pattern, slice_of(value, sizeof value), &match, &work), 1);
    assert_int_equal(match.count, 1);
    assert_int_equal(match.spans[0].at + match.spans[0].len, sizeof value - 1);
    pattern_free(pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_matches_what_it_says),
        cmocka_unit_test(the_automaton_decides_but_for_what_it_cannot_take),
        cmocka_unit_test(what_is_no_regular_expression_is_said_with_its_place),
        cmocka_unit_test(groups_are_where_pcre2_finds_them),
        cmocka_unit_test(a_match_of_the_whole_value_is_where_pcre2_finds_it),
        cmocka_unit_test(the_answer_is_pcre2s),
        cmocka_unit_test(the_answer_is_the_same_when_there_is_no_room_for_states),
        cmocka_unit_test(a_search_that_waits_keeps_its_states),
        cmocka_unit_test(a_search_ends_when_the_work_is_spent),
        cmocka_unit_test(pcre2_is_stopped_where_it_would_take_for_ever),
        cmocka_unit_test(without_pcre2s_budget_the_span_ends_where_the_automaton_was_sure),
    };
    return cmocka_run_group_tests(tests, open_cache, free_cache);
}
