/* What parityEven7bit and parityOdd7bit share. */
#pragma once

#include "waf/transforms/run.h"

/* A step: the eighth bit of each byte becomes the parity of the whole byte as it came in, as
 * ModSecurity has it; with `odd` 1 the other one. */
static inline void parity_set(struct transform_run *run, size_t bytes_max, unsigned odd)
{
    size_t stop = run_stop(run, bytes_max);
    for (size_t i = run->at; i < stop; i++) {
        unsigned byte = (unsigned char)run->in.ptr[i];
        unsigned parity = (unsigned)__builtin_parity(byte) ^ odd;
        run_put(run, (byte & 0x7f) | parity << 7);
    }
    run_end(run, stop);
}
