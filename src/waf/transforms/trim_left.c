/* trimLeft: takes white space off the beginning (whitespace.h). */
#include "waf/transforms/whitespace.h"

static void step(struct transform_run *run, size_t bytes_max)
{
    whitespace_trim(run, bytes_max, WHITESPACE_LEFT);
}

const struct transform transform_trim_left = {
    .name = "trimLeft",
    .out_max = transform_same,
    .triggers = &whitespace_trimmed,
    .may_change = whitespace_begins,
    .step = step,
    .meaning = "Removes white space at the beginning.",
    .example = "`  a b  ` becomes `a b  `",
};
