/* replaceComments: makes one space of each comment of C, also of one that does not end. */
#include "waf/transforms/run.h"

static const struct byte_set slash = { .bits = { BYTE_BIT('/') } };

static bool has_comment_of_c(slice in)
{
    for (size_t at = slice_find_byte(in, '/'); at + 1 < in.len;
         at += 1 + slice_find_byte(slice_after(in, at + 1), '/'))
        if (in.ptr[at + 1] == '*')
            return true;
    return false;
}

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        bool within = run->state[0] != 0;
        if (within)
            i = i + slice_find_byte(slice_of(run->in.ptr + i, stop - i), '*');
        else
            i = run_copy_to_byte(run, i, stop, '/');
        if (i == stop)
            break;
        if (run_has(run, i, within ? SLICE("*/") : SLICE("/*"))) {
            if (within)
                run_put(run, ' ');
            run->state[0] = !within;
            i += 2;
        } else {
            if (!within)
                run_put(run, (unsigned char)run->in.ptr[i]);
            i++;
        }
    }
    run_end(run, i);
    if (run->done && run->state[0] != 0)
        run_put(run, ' ');
}

const struct transform transform_replace_comments = {
    .name = "replaceComments",
    .out_max = transform_same,
    .triggers = &slash,
    .may_change = has_comment_of_c,
    .step = step,
    .meaning = "Makes one space of each comment of C.",
    .example = "`union/**/select` becomes `union select`",
};
