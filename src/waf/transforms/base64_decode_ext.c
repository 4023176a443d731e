/* base64DecodeExt: base64Decode as lenient decoders do it (PHP's): whatever is not of the alphabet
 * is skipped, wherever it stands. */
#include "waf/transforms/base64.h"

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    for (; i < stop; i++) {
        unsigned letter = base64_values[(unsigned char)run->in.ptr[i]];
        if (letter != 0)
            base64_put(run, letter - 1);
    }
    run_end(run, i);
}

const struct transform transform_base64_decode_ext = {
    .name = "base64DecodeExt",
    .out_max = base64_decoded_max,
    .step = step,
    .meaning = "Decodes Base64 and skips whatever is not of its alphabet.",
    .example = "`P.HNjc mlwdD4` becomes `<script>`",
};
