/* Regular expressions of routes: compiled while loading, before workers are forked. They are those
 * of the WAF's rules (waf/patterns/pattern.h): decided in time that is linear in the path, or,
 * where they look around or back, under a limit of steps. */
#pragma once

#include "base/slice.h"

struct pattern;

struct regex_error {
    char text[160];
    size_t at; /* offset in the pattern */
};

/* 0 · -EINVAL *reterr says why · -ENOMEM */
MUST_CHECK int regex_compile(slice text, struct pattern **ret, struct regex_error *reterr);
void regex_free(struct pattern *pattern);
