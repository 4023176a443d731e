/* Patterns made at random from the parts of the language, on values made from them: the automaton
 * answers as PCRE2 does, with much room for its states and with hardly any, and the prefilter loses
 * nothing. */
#include "base/test.h"
#include "waf/patterns/compiled.h"
#include "waf/patterns/prefilter.h"
#include "waf/patterns/sample.h"

enum { PATTERNS = 1500, VALUES = 12, DEPTH_MAX = 4, TEXT_BYTES_MAX = 400 };

struct writer_of_patterns {
    struct sample random;
    char text[TEXT_BYTES_MAX + 1];
    size_t len;
};

static void put(struct writer_of_patterns *w, const char *part)
{
    size_t len = strlen(part);
    if (w->len + len <= TEXT_BYTES_MAX) {
        memcpy(w->text + w->len, part, len + 1);
        w->len += len;
    }
}

static const char *one_of(struct writer_of_patterns *w, const char *const *parts, size_t count)
{
    return parts[sample_random(&w->random, count)];
}

#define ONE_OF(w, ...)                                                                             \
    one_of((w), (const char *const[]){ __VA_ARGS__ },                                              \
           sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void put_atom(struct writer_of_patterns *w)
{
    switch (sample_random(&w->random, 10)) {
    case 0:
        put(w, ONE_OF(w, "[a-c]", "[^ab]", "[\\w-]", "[[:alpha:]_]", "[^\\W_]", "[\\n\\s]", "[]x]",
                      "[^]]"));
        break;
    case 1:
        put(w, ONE_OF(w, ".", "\\w", "\\W", "\\s", "\\S", "\\d", "\\D", "\\h", "\\v", "\\N",
                      "\\x41", "\\t"));
        break;
    case 2:
        put(w, ONE_OF(w, "\\b", "\\B", "^", "$", "\\A", "\\z", "(?m)", "(?-s)", "(?i)"));
        break;
    default:
        put(w, ONE_OF(w, "a", "b", "c", "A", "_", " ", "\\n", "ab", "foo", "1"));
        break;
    }
}

static void put_alternatives(struct writer_of_patterns *w, unsigned depth)
{
    for (uint64_t alternatives = 1 + sample_random(&w->random, 3); alternatives; alternatives--) {
        for (uint64_t items = 1 + sample_random(&w->random, 3); items; items--) {
            size_t begin = w->len;
            bool is_group = depth < DEPTH_MAX && w->len < TEXT_BYTES_MAX / 2 &&
                            sample_random(&w->random, 3) == 0;
            if (is_group) {
                put(w, ONE_OF(w, "(?:", "(?:", "(", "(?i:", "(?m-s:", "(?>", "(?=", "(?!"));
                put_alternatives(w, depth + 1);
                put(w, ")");
            } else {
                put_atom(w);
            }
            bool may_repeat = is_group || (w->text[begin] != '(' && w->text[begin] != '^');
            if (may_repeat && sample_random(&w->random, 3) == 0)
                put(w, ONE_OF(w, "*", "+", "?", "{2}", "{1,3}", "{2,}", "{0,5}", "*?", "+?", "??",
                              "*+", "{1,4}+"));
        }
        if (alternatives > 1)
            put(w, "|");
    }
}

static bool is_candidate(const struct pattern *pattern, slice value)
{
    struct prefilter *p;
    struct work work;
    uint32_t need;
    uint64_t candidates = 0;
    work_open(&work, 0, NULL, NULL);
    assert_int_equal(prefilter_open(&p), 0);
    assert_int_equal(prefilter_add_pattern(p, pattern, &need), 0);
    assert_int_equal(prefilter_build(p), 0);
    assert_int_equal(prefilter_scan(p, value, prefilter_classes(p, value), &candidates, &work), 0);
    prefilter_free(p);
    return candidates;
}

struct tally {
    unsigned patterns, linear, matches, values;
};

static void check_value(struct pattern *pattern, slice value, struct tally *tally)
{
    struct work work;
    work_open(&work, 0, NULL, NULL);
    int result = pattern_matches(pattern, value, &work);
    int expected = pcre_match(pattern->code, pattern->cache, value, &pcre_decide, NULL, &work);
    if (result < 0 || expected < 0)
        return;
    tally->values++;
    tally->matches += expected == 1;
    if (result != expected)
        fail_msg("%s: %d on \"%.*s\"", pattern->text.ptr, result, SLICE_ARGUMENTS(value));
    if (expected == 1 && !is_candidate(pattern, value))
        fail_msg("%s: the prefilter loses \"%.*s\"", pattern->text.ptr, SLICE_ARGUMENTS(value));
}

static void check_patterns(size_t cache_bytes, uint64_t seed, struct tally *tally)
{
    static struct writer_of_patterns w;
    struct pattern_cache *cache;
    struct pattern *pattern;
    w.random.random = seed;
    assert_int_equal(pattern_cache_open(cache_bytes, &cache), 0);
    for (unsigned i = 0; i < PATTERNS; i++) {
        struct arena arena;
        struct node *root;
        w.len = 0;
        put_alternatives(&w, 0);
        if (pattern_compile(slice_of(w.text, w.len), i & 1, cache, &pattern, NULL) != 0)
            continue;
        tally->patterns++;
        tally->linear += pattern_is_linear(pattern);
        arena_open(&arena, NULL, 0, 65536, 16 << 20);
        assert_int_equal(pattern_tree(pattern, &arena, &root), 0);
        for (unsigned j = 0; j < VALUES; j++) {
            w.random.len = 0;
            sample_append(&w.random, root);
            for (uint64_t changes = sample_random(&w.random, 4); changes; changes--)
                sample_mutate(&w.random);
            check_value(pattern, sample_slice(&w.random), tally);
        }
        arena_close(&arena);
        pattern_free(pattern);
    }
    pattern_cache_free(cache);
}

TEST(patterns_at_random_have_pcre2s_answer)
{
    struct tally tally = { 0 };
    check_patterns(PATTERN_CACHE_BYTES, 1, &tally);
    check_patterns(4000, 2, &tally);
    assert_true(tally.patterns > PATTERNS && tally.linear > PATTERNS / 2);
    assert_true(tally.values > 10 * PATTERNS && tally.matches > tally.values / 4);
    assert_true(tally.matches < tally.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(patterns_at_random_have_pcre2s_answer) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
