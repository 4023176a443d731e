/* base64Decode (RFC 4648 §4): reads up to the first byte that is not of the alphabet (padding and
 * white space are not): what stands before is decoded, the rest is dropped. A last group of two or
 * three letters gives one or two bytes, of one letter none. */
#include "waf/transforms/base64.h"

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    for (; i < stop; i++) {
        unsigned letter = base64_values[(unsigned char)run->in.ptr[i]];
        if (letter == 0) {
            run_end(run, run->in.len);
            return;
        }
        base64_put(run, letter - 1);
    }
    run_end(run, i);
}

/* What the letters at the front decode to. */
static size_t longest_decoded(slice in, size_t enough)
{
    size_t count = 0, bytes = 0;
    while (count < in.len && bytes < enough && base64_values[(unsigned char)in.ptr[count]] != 0)
        bytes = ++count * 3 / 4;
    return bytes;
}

const struct transform transform_base64_decode = {
    .name = "base64Decode",
    .out_max = base64_decoded_max,
    .longest = longest_decoded,
    .step = step,
    .meaning = "Decodes Base64 up to the first byte that is not of its alphabet.",
    .example = "`PHNjcmlwdD4=` becomes `<script>`",
};
