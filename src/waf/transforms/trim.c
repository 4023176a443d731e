/* trim: takes white space off both ends (whitespace.h). */
#include "waf/transforms/whitespace.h"

static bool has_space_outside(slice in)
{
    return whitespace_begins(in) || whitespace_ends(in);
}

static void step(struct transform_run *run, size_t bytes_max)
{
    whitespace_trim(run, bytes_max, WHITESPACE_LEFT | WHITESPACE_RIGHT);
}

const struct transform transform_trim = {
    .name = "trim",
    .out_max = transform_same,
    .triggers = &whitespace_trimmed,
    .may_change = has_space_outside,
    .step = step,
    .meaning = "Removes white space at both ends.",
    .example = "`  a b  ` becomes `a b`",
};
