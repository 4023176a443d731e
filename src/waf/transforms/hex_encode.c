/* hexEncode: each byte as two digits, lower case. */
#include "waf/transforms/run.h"

static void step(struct transform_run *run, size_t bytes_max)
{
    static const char digits[] = "0123456789abcdef";
    size_t stop = run_stop(run, bytes_max);
    for (size_t i = run->at; i < stop; i++) {
        unsigned byte = (unsigned char)run->in.ptr[i];
        run_put(run, (unsigned char)digits[byte >> 4]);
        run_put(run, (unsigned char)digits[byte & 15]);
    }
    run_end(run, stop);
}

static size_t twice(size_t in_len)
{
    return in_len * 2;
}

const struct transform transform_hex_encode = {
    .name = "hexEncode",
    .out_max = twice,
    .step = step,
    .meaning = "Writes each byte as two hexadecimal digits, lower case.",
    .example = "`<a>` becomes `3c613e`",
};
