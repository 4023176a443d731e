/* What the transformations of Base64 share (RFC 4648 §4). */
#pragma once

#include "waf/transforms/run.h"

/* Of a byte: the value of its letter + 1; 0 for what is none. */
extern const unsigned char base64_values[256];

/* The bound of what so many letters decode to. */
size_t base64_decoded_max(size_t in_len);

/* The bits of a letter, and a byte when there are enough of them. state[0]: bits not given out yet;
 * state[1]: how many. */
static inline void base64_put(struct transform_run *run, unsigned value)
{
    uint64_t bits = (run->state[0] << 6 | value) & 0xffff;
    run->state[0] = bits;
    run->state[1] += 6;
    if (run->state[1] >= 8) {
        run->state[1] -= 8;
        run_put(run, (unsigned)(bits >> run->state[1]) & 0xff);
    }
}
