/* The first line is a pattern, the rest a value: where PCRE2 gets to an answer the automaton has
 * the same, with room for its states or hardly any, and the prefilter does not lose a match. */
#include "base/fuzz.h"
#include "waf/patterns/compiled.h"
#include "waf/patterns/prefilter.h"

static void check_prefilter(const struct pattern *pattern, slice value, int expected)
{
    struct prefilter *prefilter;
    struct work work;
    uint32_t need;
    uint64_t candidates = 0;
    work_open(&work, 0, NULL, NULL);
    ASSERT(prefilter_open(&prefilter) == 0);
    ASSERT(prefilter_add_pattern(prefilter, pattern, &need) == 0);
    ASSERT(prefilter_build(prefilter) == 0);
    ASSERT(prefilter_scan(prefilter, value, prefilter_classes(prefilter, value), &candidates,
                          &work) == 0);
    ASSERT(expected == 0 || candidates == 1);
    prefilter_free(prefilter);
}

static void check_capture(struct pattern *pattern, slice value, int expected)
{
    struct operator_match match;
    struct work work;
    work_open(&work, 0, NULL, NULL);
    int result = pattern_capture(pattern, value, &match, &work);
    ASSERT(result == expected);
    for (unsigned i = 0; result == 1 && i < match.count; i++)
        ASSERT((size_t)match.spans[i].at + match.spans[i].len <= value.len);
}

static void check_pattern(slice text, unsigned flags, size_t cache_bytes, slice value)
{
    struct pattern_cache *cache;
    struct pattern *pattern;
    struct work work;
    work_open(&work, 0, NULL, NULL);
    ASSERT(pattern_cache_open(cache_bytes, &cache) == 0);
    if (pattern_compile(text, flags, cache, &pattern, NULL) == 0) {
        int result = pattern_matches(pattern, value, &work);
        int expected = pcre_match(pattern->code, cache, value, &pcre_decide, NULL, &work);
        ASSERT(result >= 0 || !pattern_is_linear(pattern));
        ASSERT(result < 0 || expected < 0 || result == expected);
        if (expected >= 0) {
            check_prefilter(pattern, value, expected);
            check_capture(pattern, value, expected);
        }
        pattern_free(pattern);
    }
    pattern_cache_free(cache);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    enum { TEXT_MAX = 300, VALUE_MAX = 3000 };
    slice input = fuzz_input(bytes, count);
    slice text = slice_first(input, slice_find_byte(input, '\n'));
    slice value = slice_after(input, text.len + 1);
    if (text.len > TEXT_MAX || value.len > VALUE_MAX)
        return 0;
    check_pattern(text, 0, PATTERN_CACHE_BYTES, value);
    check_pattern(text, PATTERN_CASELESS, 3000, value);
    return 0;
}
