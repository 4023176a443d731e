/* Regular expressions of routes: compiled (PCRE2, with JIT) while loading, before workers are
 * forked. What is plainly exponential is refused; whatever remains meets a step limit when it runs.
 */
#pragma once

#include "base/slice.h"

struct regex_error {
    char text[160];
    size_t at; /* offset in the pattern */
};

/* *ret is a pcre2_code. 0 · -EINVAL *reterr says why · -ENOMEM */
MUST_CHECK int regex_compile(slice pattern, void **ret, struct regex_error *reterr);
void regex_free(void *code);

/* A repeated group whose whole content repeats too, such as (a+)+: the number of ways to match
 * grows exponentially with the text. *ret_at: where the group begins. */
bool regex_is_explosive(slice pattern, size_t *ret_at);
