/* none: changes nothing. In a rule it also forgets the transformations named before it. */
#include "waf/transforms/run.h"

static const struct byte_set nothing;

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max);
    run_copy(run, run->at, stop);
    run_end(run, stop);
}

const struct transform transform_none = {
    .name = "none",
    .out_max = transform_same,
    .triggers = &nothing,
    .step = step,
    .meaning = "Forgets the transformations named before it, those of `SecDefaultAction` too.",
    .example = "`t:lowercase,t:none,t:trim` is `t:trim`",
};
