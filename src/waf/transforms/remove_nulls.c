/* removeNulls: takes NUL bytes out. */
#include "waf/transforms/run.h"

static const struct byte_set nul = { .bits = { BYTE_BIT(0) } };

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = run_copy_to_byte(run, i, stop, '\0');
        while (i < stop && run->in.ptr[i] == '\0')
            i++;
    }
    run_end(run, i);
}

const struct transform transform_remove_nulls = {
    .name = "removeNulls",
    .out_max = transform_same,
    .triggers = &nul,
    .step = step,
    .meaning = "Removes NUL bytes.",
    .example = "`scr\\0ipt` (with a NUL) becomes `script`",
};
