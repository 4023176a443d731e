#include "control/regex.h"

#include <errno.h>
#include <stdio.h>

#include "waf/patterns/pattern.h"

#define CACHE_BYTES_MAX (2u << 20)

/* What all patterns of routes of a process know: it lives as long. */
static struct pattern_cache *cache;

int regex_compile(slice text, struct pattern **ret, struct regex_error *reterr)
{
    struct pattern_problem problem = { .text = "" };
    if (!cache)
        TRY(pattern_cache_open(CACHE_BYTES_MAX, &cache));
    int result = pattern_compile(text, 0, cache, ret, &problem);
    if (result == -EINVAL) {
        snprintf(reterr->text, sizeof reterr->text, "%.*s", (int)sizeof reterr->text - 1,
                 problem.text);
        reterr->at = problem.at;
    }
    return result;
}

void regex_free(struct pattern *pattern)
{
    pattern_free(pattern);
}
