/* parityOdd7bit: the eighth bit of each byte set so that its parity is odd (parity.h). */
#include "waf/transforms/parity.h"

static void step(struct transform_run *run, size_t bytes_max)
{
    parity_set(run, bytes_max, 1);
}

const struct transform transform_parity_odd = {
    .name = "parityOdd7bit",
    .out_max = transform_same,
    .step = step,
    .meaning = "Sets the eighth bit of each byte for odd parity.",
    .example = "the byte `c` (0x63) becomes 0xE3",
};
