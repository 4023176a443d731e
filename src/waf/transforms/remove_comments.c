/* removeComments: takes out comments of C and HTML with what is in them, and what follows "--" or
 * "#" to the end of the value; a comment that does not end leaves one space. What follows a comment
 * is read like anything else (ModSecurity copies one byte of it unseen). */
#include "waf/transforms/run.h"

static const struct byte_set marks = { .bits = { BYTE_BIT('/') | BYTE_BIT('-') | BYTE_BIT('#') } };
/* Where a comment may begin. */
static const struct byte_set begins = { .bits = { BYTE_BIT('/') | BYTE_BIT('-') | BYTE_BIT('#') |
                                                  BYTE_BIT('<') } };
static const struct byte_set ends = { .bits = { BYTE_BIT('*') | BYTE_BIT('-') } };

/* state[0]: within a comment. Returns where to go on from the byte at `at`, outside of one. */
static size_t open_comment(struct transform_run *run, size_t at)
{
    if (run_has(run, at, SLICE("--")) || run_peek(run, at) == '#')
        return run->in.len;
    run->state[0] = run_has(run, at, SLICE("/*")) || run_has(run, at, SLICE("<!--"));
    if (run->state[0] != 0)
        return at + (run_peek(run, at) == '/' ? 2 : 4);
    run_put(run, (unsigned char)run->in.ptr[at]);
    return at + 1;
}

static size_t within_comment(struct transform_run *run, size_t at, size_t stop)
{
    size_t i = byte_set_find(&ends, run->in, at, stop);
    if (i == stop)
        return i;
    size_t mark = run_has(run, i, SLICE("*/")) ? 2 : run_has(run, i, SLICE("-->")) ? 3 : 0;
    if (mark == 0)
        return i + 1;
    run->state[0] = 0;
    return i + mark;
}

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        if (run->state[0] != 0) {
            i = within_comment(run, i, stop);
            continue;
        }
        i = run_copy_to_set(run, i, stop, &begins);
        if (i < stop)
            i = open_comment(run, i);
    }
    run_end(run, i);
    if (run->done && run->state[0] != 0)
        run_put(run, ' ');
}

const struct transform transform_remove_comments = {
    .name = "removeComments",
    .out_max = transform_same,
    .triggers = &marks,
    .step = step,
    .meaning = "Removes comments of C, HTML and SQL with their text.",
    .example = "`1/* x */+2 -- y` becomes `1+2 `",
};
