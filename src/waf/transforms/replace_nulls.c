/* replaceNulls: makes a space of each NUL byte. */
#include "waf/transforms/run.h"

static const struct byte_set nul = { .bits = { BYTE_BIT(0) } };

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = run_copy_to_byte(run, i, stop, '\0');
        for (; i < stop && run->in.ptr[i] == '\0'; i++)
            run_put(run, ' ');
    }
    run_end(run, i);
}

const struct transform transform_replace_nulls = {
    .name = "replaceNulls",
    .out_max = transform_same,
    .triggers = &nul,
    .step = step,
    .meaning = "Makes a space of each NUL byte.",
    .example = "`a\\0b` (with a NUL) becomes `a b`",
};
