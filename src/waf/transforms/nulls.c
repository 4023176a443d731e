/* removeNulls, replaceNulls: NUL bytes taken out, or made spaces. */
#include "waf/transforms/run.h"

static const struct byte_set nul = { .bits = { BYTE_BIT(0) } };

static void remove_step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = run_copy_to_byte(run, i, stop, '\0');
        while (i < stop && run->in.ptr[i] == '\0')
            i++;
    }
    run_end(run, i);
}

static void replace_step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = run_copy_to_byte(run, i, stop, '\0');
        for (; i < stop && run->in.ptr[i] == '\0'; i++)
            run_put(run, ' ');
    }
    run_end(run, i);
}

const struct transform transform_remove_nulls = {
    .name = "removeNulls",
    .out_max = transform_same,
    .triggers = &nul,
    .step = remove_step,
    .meaning = "Removes NUL bytes.",
    .example = "`scr\\0ipt` (with a NUL) becomes `script`",
};

const struct transform transform_replace_nulls = {
    .name = "replaceNulls",
    .out_max = transform_same,
    .triggers = &nul,
    .step = replace_step,
    .meaning = "Makes a space of each NUL byte.",
    .example = "`a\\0b` (with a NUL) becomes `a b`",
};
