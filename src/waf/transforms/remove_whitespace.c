/* removeWhitespace: takes white space out (whitespace.h). */
#include "waf/transforms/whitespace.h"

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = run_copy_to_set(run, i, stop, &whitespace_wide);
        while (i < stop && whitespace_is_wide((unsigned char)run->in.ptr[i]))
            i++;
    }
    run_end(run, i);
}

const struct transform transform_remove_whitespace = {
    .name = "removeWhitespace",
    .out_max = transform_same,
    .triggers = &whitespace_wide,
    .step = step,
    .meaning = "Removes white space.",
    .example = "`java script :` becomes `javascript:`",
};
