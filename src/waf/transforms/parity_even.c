/* parityEven7bit: the eighth bit of each byte set so that its parity is even (parity.h). */
#include "waf/transforms/parity.h"

static void step(struct transform_run *run, size_t bytes_max)
{
    parity_set(run, bytes_max, 0);
}

const struct transform transform_parity_even = {
    .name = "parityEven7bit",
    .out_max = transform_same,
    .step = step,
    .meaning = "Sets the eighth bit of each byte for even parity.",
    .example = "the byte `a` (0x61) becomes 0xE1",
};
