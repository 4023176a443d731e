/* trimRight: takes white space off the end (whitespace.h). */
#include "waf/transforms/whitespace.h"

static void step(struct transform_run *run, size_t bytes_max)
{
    whitespace_trim(run, bytes_max, WHITESPACE_RIGHT);
}

const struct transform transform_trim_right = {
    .name = "trimRight",
    .out_max = transform_same,
    .triggers = &whitespace_trimmed,
    .may_change = whitespace_ends,
    .step = step,
    .meaning = "Removes white space at the end.",
    .example = "`  a b  ` becomes `  a b`",
};
