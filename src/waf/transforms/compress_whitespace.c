/* compressWhitespace: one space of each run of white space (whitespace.h). */
#include "waf/transforms/whitespace.h"

/* Whether some white space is no single space. */
static bool has_wide_space(slice in)
{
    for (size_t at = byte_set_find(&whitespace_wide, in, 0, in.len); at < in.len;
         at = byte_set_find(&whitespace_wide, in, at + 1, in.len))
        if (in.ptr[at] != ' ' || (at + 1 < in.len && in.ptr[at + 1] == ' '))
            return true;
    return false;
}

/* state[0]: the byte before was white space, and its space is written */
static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        if (whitespace_is_wide((unsigned char)run->in.ptr[i])) {
            if (run->state[0] == 0)
                run_put(run, ' ');
            run->state[0] = 1;
            i++;
        } else {
            run->state[0] = 0;
            i = run_copy_to_set(run, i, stop, &whitespace_wide);
        }
    }
    run_end(run, i);
}

const struct transform transform_compress_whitespace = {
    .name = "compressWhitespace",
    .out_max = transform_same,
    .triggers = &whitespace_wide,
    .may_change = has_wide_space,
    .step = step,
    .meaning = "Makes one space of every run of white space.",
    .example = "`union \\t select` becomes `union select`",
};
