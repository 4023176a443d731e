/* What is wrong in a rule file, for whoever wrote it: where, and a sentence that names the thing,
 * its value and what was expected. The loader fills in the place; operators, patterns and
 * transformations only the text. */
#pragma once

#include "base/slice.h"

enum { PROBLEM_TEXT_MAX = 400 };

struct waf_problem {
    slice file;                  /* as the reader of files named it */
    unsigned line;               /* from 1 */
    unsigned column;             /* from 1, in bytes */
    char text[PROBLEM_TEXT_MAX]; /* NUL-terminated */
};

/* Writes the text, cut to fit; returns -EINVAL, so that a parser can `return waf_problem_set(…)`.
 */
__attribute__((format(printf, 2, 3))) int waf_problem_set(struct waf_problem *p, const char *format,
                                                          ...);
