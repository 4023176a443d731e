/* length: how many bytes the value has, as decimal text. */
#include "waf/transforms/run.h"

#include <inttypes.h>
#include <stdio.h>

enum { DIGITS_MAX = 21 };

static size_t digits_max(UNUSED size_t in_len)
{
    return DIGITS_MAX;
}

static void step(struct transform_run *run, UNUSED size_t bytes_max)
{
    int length = snprintf(run->out, DIGITS_MAX, "%" PRIu64, (uint64_t)run->in.len);
    run->out_len = (size_t)length;
    run_end(run, run->in.len);
}

const struct transform transform_length = {
    .name = "length",
    .out_max = digits_max,
    .step = step,
    .meaning = "The number of bytes, as decimal text.",
    .example = "`abcde` becomes `5`",
};
