#include "waf/patterns/prefilter.h"

#include <errno.h>

#include "base/test.h"
#include "waf/patterns/compiled.h"
#include "waf/patterns/phrases.h"
#include "waf/patterns/sample.h"

enum { WORDS_MAX = 8 };

static struct pattern_cache *cache;

static int open_cache(UNUSED void **state)
{
    return pattern_cache_open(PATTERN_CACHE_BYTES, &cache);
}

static int free_cache(UNUSED void **state)
{
    pattern_cache_free(cache);
    return 0;
}

static struct pattern *compile(const char *text)
{
    struct pattern *pattern;
    assert_int_equal(pattern_compile(slice_from(text), 0, cache, &pattern, NULL), 0);
    return pattern;
}

static bool has_bit(const uint64_t *candidates, uint32_t need)
{
    return candidates[need >> 6] >> (need & 63) & 1;
}

static void scan(const struct prefilter *p, slice value, uint64_t candidates[WORDS_MAX])
{
    struct work work;
    memset(candidates, 0, WORDS_MAX * sizeof(uint64_t));
    assert_true(prefilter_words(p) <= WORDS_MAX);
    work_open(&work, 0, NULL, NULL);
    assert_int_equal(prefilter_scan(p, value, prefilter_classes(p, value), candidates, &work), 0);
}

/* How a pattern is told, a value that is no candidate, and one that is. */
TEST(a_pattern_is_told_by_what_it_must_have)
{
    static const struct {
        const char *pattern;
        enum need_kind kind;
        const char *other, *candidate;
    } cases[] = {
        { "(?i)union\\s+select", NEED_LITERALS, "the union of all", "UNION SELECT" },
        { "(?i)(?:sel|del)ect\\b.*?\\bfrom", NEED_LITERALS, "select where", "delect from" },
        { "foo[0-9]{3,}bar|quux", NEED_LITERALS, "fo ba", "xquuxx" },
        { "x{0,3}evil{2}", NEED_LITERALS, "evil", "evill" },
        { "c[\\\\'\"]*a[\\\\'\"]*t[\\\\'\"]*e", NEED_CONDITIONAL, "cat c a t e", "cate" },
        { "c[\\\\'\"]*a[\\\\'\"]*t[\\\\'\"]*e", NEED_CONDITIONAL, "none", "'cae" },
        { "[\\r\\n]\\W*?", NEED_GUARDED, "a: b", "\r\n:" },
        { "^[^<>]{3}[<>]", NEED_GUARDED, "plain", "abc<" },
        { "\\$\\{[^}]+\\}", NEED_LITERALS, "$ {a}", "${a}" },
        { "^.*$", NEED_ALWAYS, NULL, "" },
        { "^[a-z]*$", NEED_ALWAYS, NULL, "?" },
        { "(?=a)(*ACCEPT)", NEED_ALWAYS, NULL, "" },
        { "a(?!b)xyzzy", NEED_LITERALS, "xyzz", "axyzzy" },
        { "[^\\x00-\\xff]a", NEED_LITERALS, "anything", NULL },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct prefilter *p;
        struct pattern *pattern = compile(cases[i].pattern);
        uint32_t need;
        uint64_t candidates[WORDS_MAX];
        assert_int_equal(prefilter_open(&p), 0);
        assert_int_equal(prefilter_add_pattern(p, pattern, &need), 0);
        assert_int_equal(prefilter_build(p), 0);
        if (prefilter_need_kind(p, need) != cases[i].kind)
            fail_msg("%s is told as %d", cases[i].pattern, prefilter_need_kind(p, need));
        scan(p, slice_from(cases[i].candidate), candidates);
        if (cases[i].candidate && !has_bit(candidates, need))
            fail_msg("%s loses \"%s\"", cases[i].pattern, cases[i].candidate);
        scan(p, slice_from(cases[i].other), candidates);
        if (cases[i].other && has_bit(candidates, need))
            fail_msg("%s does not tell \"%s\"", cases[i].pattern, cases[i].other);
        prefilter_free(p);
        pattern_free(pattern);
    }
}

static struct phrases *phrases_of(const char *words)
{
    struct phrases *phrases;
    assert_int_equal(phrases_open(&phrases), 0);
    assert_int_equal(phrases_add_words(phrases, slice_from(words)), 0);
    assert_int_equal(phrases_seal(phrases), 0);
    return phrases;
}

TEST(phrases_are_decided)
{
    struct prefilter *p;
    struct phrases *phrases = phrases_of("etc/passwd nikto averylongphrase averylongphrasing");
    uint32_t need, always;
    uint64_t candidates[WORDS_MAX];
    assert_int_equal(prefilter_open(&p), 0);
    assert_int_equal(prefilter_add_phrases(p, phrases, &need), 0);
    assert_int_equal(prefilter_add_always(p, &always), 0);
    assert_int_equal(prefilter_build(p), 0);
    scan(p, SLICE("/ETC/passwd"), candidates);
    assert_true(has_bit(candidates, need) && has_bit(candidates, always));
    scan(p, SLICE("averylongphrasin"), candidates);
    assert_true(!has_bit(candidates, need) && has_bit(candidates, always));
    scan(p, SLICE("averylongphrAse"), candidates);
    assert_true(has_bit(candidates, need));
    assert_int_equal(prefilter_need_kind(p, need), NEED_PHRASES);
    assert_int_equal(prefilter_needs(p), 2);
    prefilter_free(p);
    phrases_free(phrases);
}

TEST(a_need_of_bytes_is_met_where_one_of_them_is)
{
    struct prefilter *p;
    struct byte_set high = { 0 }, none = { 0 };
    uint32_t need, never;
    uint64_t candidates[WORDS_MAX];
    byte_set_add_range(&high, 0x80, 0xff);
    assert_int_equal(prefilter_open(&p), 0);
    assert_int_equal(prefilter_add_bytes(p, &high, &need), 0);
    assert_int_equal(prefilter_add_bytes(p, &none, &never), 0);
    assert_int_equal(prefilter_build(p), 0);
    assert_int_equal(prefilter_need_kind(p, need), NEED_GUARDED);
    scan(p, SLICE(""), candidates);
    assert_false(has_bit(candidates, need));
    scan(p, SLICE("plain text\x7f"), candidates);
    assert_false(has_bit(candidates, need));
    scan(p, SLICE("caf\xc3\xa9"), candidates);
    assert_true(has_bit(candidates, need) && !has_bit(candidates, never));
    prefilter_free(p);
}

TEST(the_phrase_that_ends_first_is_found)
{
    static const struct {
        const char *words, *value;
        uint32_t at, len; /* len 0: none */
    } cases[] = {
        { "select sel", "xselect", 1, 3 },
        { "lect select", "select", 0, 6 }, /* that ends there the longest */
        { "abcdefghijk abcdefghi bcdefgh", "ABCDEFGHIJK", 1, 7 },
        { "abcdefghijk abcdefghi", "xabcdefghijk", 1, 9 },
        { "longlonglong1 longlonglong2", "longlonglong3 longlonglong2", 14, 13 },
        { "a|20 42|c", "xa bC", 1, 4 },
        { "he she hers", "ushers", 1, 3 },
        { "abc", "ab", 0, 0 },
        { "abc", "", 0, 0 },
        { "|00|", "x", 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct phrases *phrases = phrases_of(cases[i].words);
        struct match_span span = { 0, 0 };
        struct work work;
        work_open(&work, 0, NULL, NULL);
        int found = phrases_find(phrases, slice_from(cases[i].value), &span, &work);
        if (found != (cases[i].len > 0) || span.at != cases[i].at || span.len != cases[i].len)
            fail_msg("%s in %s: %d at %u of %u", cases[i].words, cases[i].value, found, span.at,
                     span.len);
        phrases_free(phrases);
    }
}

TEST(a_file_of_phrases_has_one_a_line)
{
    struct phrases *phrases;
    assert_int_equal(phrases_open(&phrases), 0);
    assert_int_equal(phrases_seal(phrases), -EINVAL);
    assert_int_equal(
        phrases_add_lines(phrases, SLICE("# comment\n\n  two words \r\n|41|\nTWO WORDS\nlast")), 0);
    assert_int_equal(phrases_count(phrases), 3);
    assert_slice_equal(phrases_get(phrases, 0), SLICE("two words"));
    assert_slice_equal(phrases_get(phrases, 1), SLICE("|41|"));
    assert_slice_equal(phrases_get(phrases, 2), SLICE("last"));
    static const char *const wrong[] = { "a|4", "a|4|", "|4x|", "|41", "||" };
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        if (phrases_add_words(phrases, slice_from(wrong[i])) != -EINVAL)
            fail_msg("%s is taken", wrong[i]);
    phrases_free(phrases);
}

TEST(an_automaton_too_large_for_its_cells_takes_shorter_heads)
{
    struct phrases *phrases;
    struct sample random = { .random = 3 };
    char phrase[12];
    assert_int_equal(phrases_open(&phrases), 0);
    for (unsigned i = 0; i < 30000; i++) {
        for (size_t at = 0; at < sizeof phrase; at++)
            phrase[at] = (char)('a' + sample_random(&random, 26));
        assert_int_equal(phrases_add(phrases, slice_of(phrase, sizeof phrase)), 0);
    }
    assert_int_equal(phrases_seal(phrases), 0);
    for (unsigned i = 0; i < phrases_count(phrases); i += 100) {
        struct match_span span;
        struct work work;
        work_open(&work, 0, NULL, NULL);
        slice text = phrases_get(phrases, i);
        assert_int_equal(phrases_find(phrases, text, &span, &work), 1);
        assert_int_equal(span.len, 12);
        text.len--;
        assert_int_equal(phrases_find(phrases, text, &span, &work), 0);
    }
    phrases_free(phrases);
}

TEST(a_class_tells_whether_a_byte_is_there)
{
    struct prefilter *p;
    unsigned percent, upper, again;
    struct byte_set set = { 0 }, letters = { 0 };
    byte_set_add(&set, '%');
    byte_set_add_range(&letters, 'A', 'Z');
    assert_int_equal(prefilter_open(&p), 0);
    assert_int_equal(prefilter_add_class(p, &set, &percent), 0);
    assert_int_equal(prefilter_add_class(p, &letters, &upper), 0);
    assert_int_equal(prefilter_add_class(p, &set, &again), 0);
    assert_int_equal(percent, again);
    for (unsigned i = 0; i < PREFILTER_CLASSES_MAX - 2; i++) {
        byte_set_add(&set, (unsigned char)i);
        byte_set_remove(&set, '%');
        byte_set_add(&set, 200);
        if (i == '%')
            byte_set_add(&set, 201);
        assert_int_equal(prefilter_add_class(p, &set, &again), 0);
    }
    byte_set_add(&set, 250);
    assert_int_equal(prefilter_add_class(p, &set, &again), -E2BIG);
    assert_int_equal(prefilter_build(p), 0);
    struct prefilter_classes classes = prefilter_classes(p, SLICE("a%b"));
    assert_true(prefilter_has_class(classes, percent) && !prefilter_has_class(classes, upper));
    assert_true(prefilter_has_class(prefilter_classes(p, SLICE("aB")), upper));
    prefilter_free(p);
}

/* Each a need of its own, which is decided; none is within another one or what values are made of.
 */
static const char *const planted[] = {
    "|01|",   "(]",       "[)(",         "{}[]",
    "<>{}<>", "+-*/=%+-", "evilphrase<", "a phrase that is longer than any head can be>"
};

enum { PLANTED = ARRAY_LENGTH(planted), TOGETHER = 150, LONG_BYTES = 2600 };

static slice plain_value(size_t len, struct sample *random)
{
    char *bytes = malloc(len + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = "evil phrase that is"[sample_random(random, 19)];
    return slice_of(bytes, len);
}

/* Where there is room for it. */
static void plant(slice value, const char *phrase, size_t at)
{
    slice text = phrase[0] == '|' ? SLICE("\x01") : slice_from(phrase);
    if (at + text.len <= value.len)
        memcpy((char *)(uintptr_t)value.ptr + at, text.ptr, text.len);
}

static void check_together(const struct prefilter *p, const slice *values, size_t count)
{
    static uint64_t candidates[TOGETHER][WORDS_MAX];
    struct prefilter_value together[TOGETHER];
    struct work work;
    work_open(&work, 0, NULL, NULL);
    memset(candidates, 0, sizeof candidates);
    for (size_t i = 0; i < count; i++)
        together[i] =
            (struct prefilter_value){ values[i], prefilter_classes(p, values[i]), candidates[i] };
    assert_int_equal(prefilter_scan_all(p, together, count, &work), 0);
    for (size_t i = 0; i < count; i++)
        for (uint32_t need = 0; need < PLANTED; need++) {
            slice text = need == 0 ? SLICE("\x01") : slice_from(planted[need]);
            bool is_there = slice_find(values[i], text) < values[i].len;
            if (is_there != has_bit(candidates[i], need))
                fail_msg("\"%s\" in value %zu of %zu bytes: %d", planted[need], i, values[i].len,
                         has_bit(candidates[i], need));
        }
}

TEST(values_that_are_scanned_together_meet_what_each_holds)
{
    struct prefilter *p;
    struct phrases *phrases[PLANTED];
    struct sample random = { .random = 5 };
    slice values[TOGETHER];
    assert_int_equal(prefilter_open(&p), 0);
    for (uint32_t i = 0; i < PLANTED; i++) {
        uint32_t need;
        assert_int_equal(phrases_open(&phrases[i]), 0);
        assert_int_equal(i == 0 ? phrases_add_words(phrases[i], slice_from(planted[i]))
                                : phrases_add(phrases[i], slice_from(planted[i])),
                         0);
        assert_int_equal(phrases_seal(phrases[i]), 0);
        assert_int_equal(prefilter_add_phrases(p, phrases[i], &need), 0);
        assert_int_equal(need, i);
    }
    assert_int_equal(prefilter_build(p), 0);
    for (unsigned round = 0; round < 40; round++) {
        size_t longest = round % 4 ? 60 : 300;
        for (unsigned i = 0; i < TOGETHER; i++) {
            values[i] = plain_value(sample_random(&random, longest), &random);
            plant(values[i], planted[sample_random(&random, PLANTED)],
                  sample_random(&random, longest));
        }
        check_together(p, values, TOGETHER);
        check_together(p, values, 1 + round % 5);
        for (unsigned i = 0; i < TOGETHER; i++)
            free((void *)(uintptr_t)values[i].ptr);
    }
    for (unsigned at = 0; at < LONG_BYTES; at++) {
        slice value = plain_value(LONG_BYTES - at % 7, &random);
        plant(value, planted[at % PLANTED], at);
        check_together(p, &value, 1);
        free((void *)(uintptr_t)value.ptr);
    }
    prefilter_free(p);
    for (unsigned i = 0; i < PLANTED; i++)
        phrases_free(phrases[i]);
}

static const char *const varied[] = {
    "abc|abd|b.d",
    "(?i)sel(?:ect|f)\\s+\\w*?from",
    "^(?:a|b*c)+$",
    "\\b\\w{2,5}\\b[^a]",
    "(?:x?y?z?)*w",
    "a{3,7}b{2,}c?",
    "(?m)^\\s*#.*$",
    "(?:ab|a)(?:bc|c)d",
    "[^\\w]{2}(?i:or|and)\\s",
    "['\"`][^'\"`]*?(?:or|and)\\b\\s*\\d",
    "(?i:<script[^>]*>[\\s\\S]*?)",
    "\\$\\{[^\\}]+\\}",
    "(?:^|;)\\s*(?:cat|ls|c[\\\\'\"]*a[\\\\'\"]*t)\\b",
    "x*+y",
    "(?i)[[:^lower:][:digit:]]+z",
    "(?:c[\\[\\]$\\\\'\"]*(?:(?:\\$[a-z0-9]*)?[\\\\])?){2}u[\\[\\]$\\\\'\"]*r[\\\\'\"]*l\\b",
    "(?=a)a|b(?!c)",
    "(a|b)\\1",
    "[\\d-]+\\.[a-z]{2,}(?::\\d+)?/",
    "(?i)^(?:ftp|file)s?://(?:\\d{1,3}\\.){3}",
};

/* All in one prefilter, so that they share classes and clauses. */
TEST(no_match_is_lost)
{
    struct prefilter *p;
    struct pattern *patterns[ARRAY_LENGTH(varied)];
    struct sample sample = { .random = 11 };
    unsigned matched = 0, spared = 0;
    uint64_t candidates[WORDS_MAX];
    assert_int_equal(prefilter_open(&p), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(varied); i++) {
        uint32_t need;
        patterns[i] = compile(varied[i]);
        assert_int_equal(prefilter_add_pattern(p, patterns[i], &need), 0);
        assert_int_equal(need, i);
    }
    assert_int_equal(prefilter_build(p), 0);
    for (unsigned round = 0; round < 300 * ARRAY_LENGTH(varied); round++) {
        struct arena arena;
        struct node *root;
        struct work work;
        arena_open(&arena, NULL, 0, 65536, 1 << 20);
        assert_int_equal(pattern_tree(patterns[round % ARRAY_LENGTH(varied)], &arena, &root), 0);
        sample.len = 0;
        sample_append(&sample, root);
        for (uint64_t changes = sample_random(&sample, 3); changes; changes--)
            sample_mutate(&sample);
        scan(p, sample_slice(&sample), candidates);
        for (uint32_t i = 0; i < ARRAY_LENGTH(varied); i++) {
            work_open(&work, 0, NULL, NULL);
            int result = pattern_matches(patterns[i], sample_slice(&sample), &work);
            if (result == 1 && !has_bit(candidates, i))
                fail_msg("%s loses %.*s", varied[i], SLICE_ARGUMENTS(sample_slice(&sample)));
            matched += result == 1;
            spared += !has_bit(candidates, i);
        }
        arena_close(&arena);
    }
    assert_true(matched > 5000 && spared > 30000);
    prefilter_free(p);
    for (size_t i = 0; i < ARRAY_LENGTH(varied); i++)
        pattern_free(patterns[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_is_told_by_what_it_must_have),
        cmocka_unit_test(phrases_are_decided),
        cmocka_unit_test(a_need_of_bytes_is_met_where_one_of_them_is),
        cmocka_unit_test(the_phrase_that_ends_first_is_found),
        cmocka_unit_test(a_file_of_phrases_has_one_a_line),
        cmocka_unit_test(an_automaton_too_large_for_its_cells_takes_shorter_heads),
        cmocka_unit_test(a_class_tells_whether_a_byte_is_there),
        cmocka_unit_test(values_that_are_scanned_together_meet_what_each_holds),
        cmocka_unit_test(no_match_is_lost),
    };
    return cmocka_run_group_tests(tests, open_cache, free_cache);
}
