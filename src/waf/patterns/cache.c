#include "waf/patterns/cache.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"

enum { PCRE_HEAP_KIB = 16384 };

int pattern_cache_open(size_t bytes_max, struct pattern_cache **ret_cache)
{
    struct pattern_cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return -ENOMEM;
    cache->bytes_max = bytes_max;
    cache->pcre_context = pcre2_match_context_create(NULL);
    cache->pcre_match = pcre2_match_data_create(MATCH_SPANS_MAX, NULL);
    if (!cache->pcre_context || !cache->pcre_match || pattern_cache_fit(cache, 64) != 0) {
        pattern_cache_free(cache);
        return -ENOMEM;
    }
    pcre2_set_heap_limit(cache->pcre_context, PCRE_HEAP_KIB);
    *ret_cache = cache;
    return 0;
}

static int fit_marks(struct marks *marks, unsigned steps)
{
    uint64_t *words = calloc(steps / 64 + 1, sizeof(*words));
    if (!words)
        return -ENOMEM;
    free(marks->words);
    *marks = (struct marks){ .words = words, .low = UINT32_MAX };
    return 0;
}

static int fit_list(uint16_t **list, unsigned count)
{
    uint16_t *fitted = realloc(*list, count * sizeof(*fitted));
    if (!fitted)
        return -ENOMEM;
    *list = fitted;
    return 0;
}

int pattern_cache_fit(struct pattern_cache *cache, unsigned steps)
{
    if (steps <= cache->steps)
        return 0;
    TRY(fit_marks(&cache->reached, steps));
    TRY(fit_marks(&cache->ahead, steps));
    TRY(fit_list(&cache->stack, steps));
    TRY(fit_list(&cache->steps_out, steps));
    TRY(fit_list(&cache->steps_in, steps));
    TRY(fit_list(&cache->steps_from, steps));
    cache->steps = steps;
    return 0;
}

void pattern_cache_free(struct pattern_cache *cache)
{
    if (!cache)
        return;
    ASSERT(!cache->first);
    free(cache->reached.words);
    free(cache->ahead.words);
    free(cache->stack);
    free(cache->steps_out);
    free(cache->steps_in);
    free(cache->steps_from);
    if (cache->pcre_match)
        pcre2_match_data_free(cache->pcre_match);
    if (cache->pcre_context)
        pcre2_match_context_free(cache->pcre_context);
    free(cache);
}

size_t pattern_cache_bytes(const struct pattern_cache *cache)
{
    return cache->bytes;
}
