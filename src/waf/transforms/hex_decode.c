/* hexDecode: takes two digits for one byte; a last single one is dropped. A byte that is no digit
 * counts as ModSecurity counts it, so that no value is lost: by its distance from "0", or from "A"
 * plus ten. */
#include "waf/transforms/run.h"

static unsigned digit_value(char c)
{
    unsigned byte = (unsigned char)c;
    return byte >= 'A' ? (byte & 0xdf) - 'A' + 10 : byte - '0';
}

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    for (; i < stop && run->in.len - i >= 2; i += 2)
        run_put(run, (digit_value(run->in.ptr[i]) * 16 + digit_value(run->in.ptr[i + 1])) & 0xff);
    run_end(run, run->in.len - i >= 2 ? i : run->in.len);
}

static size_t half(size_t in_len)
{
    return in_len / 2;
}

const struct transform transform_hex_decode = {
    .name = "hexDecode",
    .out_max = half,
    .step = step,
    .meaning = "Decodes two hexadecimal digits to a byte.",
    .example = "`3c613e` becomes `<a>`",
};
