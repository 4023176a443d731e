/* base64Encode (RFC 4648 §4): pads its last group with "=". */
#include "waf/transforms/run.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    const unsigned char *in = (const unsigned char *)run->in.ptr;
    while (i < stop) {
        size_t left = run->in.len - i;
        unsigned bits = (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) |
                        (left > 2 ? (unsigned)in[i + 2] : 0);
        run_put(run, (unsigned char)alphabet[bits >> 18]);
        run_put(run, (unsigned char)alphabet[bits >> 12 & 63]);
        run_put(run, left > 1 ? (unsigned char)alphabet[bits >> 6 & 63] : '=');
        run_put(run, left > 2 ? (unsigned char)alphabet[bits & 63] : '=');
        i += left < 3 ? left : 3;
    }
    run_end(run, i);
}

static size_t encoded_max(size_t in_len)
{
    return (in_len + 2) / 3 * 4;
}

const struct transform transform_base64_encode = {
    .name = "base64Encode",
    .out_max = encoded_max,
    .step = step,
    .meaning = "Encodes as Base64.",
    .example = "`<script>` becomes `PHNjcmlwdD4=`",
};
