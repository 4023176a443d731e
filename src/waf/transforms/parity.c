/* parityEven7bit, parityOdd7bit, parityZero7bit: the eighth bit of each byte set so that its parity
 * is even or odd, or cleared. As in ModSecurity the parity is that of the whole byte as it came in.
 */
#include "waf/transforms/run.h"

static const struct byte_set high = { .bits = { 0, 0, ~UINT64_C(0), ~UINT64_C(0) } };

static void set_parity(struct transform_run *run, size_t bytes_max, unsigned odd)
{
    size_t stop = run_stop(run, bytes_max);
    for (size_t i = run->at; i < stop; i++) {
        unsigned byte = (unsigned char)run->in.ptr[i];
        unsigned parity = (unsigned)__builtin_parity(byte) ^ odd;
        run_put(run, (byte & 0x7f) | parity << 7);
    }
    run_end(run, stop);
}

static void step_even(struct transform_run *run, size_t bytes_max)
{
    set_parity(run, bytes_max, 0);
}

static void step_odd(struct transform_run *run, size_t bytes_max)
{
    set_parity(run, bytes_max, 1);
}

static void step_zero(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max);
    for (size_t i = run->at; i < stop; i++)
        run_put(run, (unsigned char)run->in.ptr[i] & 0x7f);
    run_end(run, stop);
}

const struct transform transform_parity_even = {
    .name = "parityEven7bit",
    .out_max = transform_same,
    .step = step_even,
    .meaning = "Sets the eighth bit of each byte for even parity.",
    .example = "the byte `a` (0x61) becomes 0xE1",
};

const struct transform transform_parity_odd = {
    .name = "parityOdd7bit",
    .out_max = transform_same,
    .step = step_odd,
    .meaning = "Sets the eighth bit of each byte for odd parity.",
    .example = "the byte `c` (0x63) becomes 0xE3",
};

const struct transform transform_parity_zero = {
    .name = "parityZero7bit",
    .out_max = transform_same,
    .triggers = &high,
    .step = step_zero,
    .meaning = "Clears the eighth bit of each byte.",
    .example = "the byte 0xE1 becomes `a`",
};
