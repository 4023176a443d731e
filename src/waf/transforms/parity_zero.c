/* parityZero7bit: the eighth bit of each byte cleared. */
#include "waf/transforms/run.h"

static const struct byte_set high = { .bits = { 0, 0, ~UINT64_C(0), ~UINT64_C(0) } };

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max);
    for (size_t i = run->at; i < stop; i++)
        run_put(run, (unsigned char)run->in.ptr[i] & 0x7f);
    run_end(run, stop);
}

const struct transform transform_parity_zero = {
    .name = "parityZero7bit",
    .out_max = transform_same,
    .triggers = &high,
    .step = step,
    .meaning = "Clears the eighth bit of each byte.",
    .example = "the byte 0xE1 becomes `a`",
};
