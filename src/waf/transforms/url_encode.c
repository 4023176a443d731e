/* urlEncode: letters, digits and "*" stay, a space becomes "+", any other byte %hh in lower case.
 */
#include "waf/transforms/run.h"

static const struct byte_set unsafe = { .bits = { ~(BYTE_BITS('0', '9') | BYTE_BIT('*')),
                                                  ~(BYTE_BITS('A', 'Z') | BYTE_BITS('a', 'z')),
                                                  ~UINT64_C(0), ~UINT64_C(0) } };

static void step(struct transform_run *run, size_t bytes_max)
{
    static const char digits[] = "0123456789abcdef";
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = run_copy_to_set(run, i, stop, &unsafe);
        if (i == stop)
            break;
        unsigned byte = (unsigned char)run->in.ptr[i++];
        if (byte == ' ') {
            run_put(run, '+');
            continue;
        }
        run_put(run, '%');
        run_put(run, (unsigned char)digits[byte >> 4]);
        run_put(run, (unsigned char)digits[byte & 15]);
    }
    run_end(run, i);
}

const struct transform transform_url_encode = {
    .name = "urlEncode",
    .out_max = transform_triple,
    .triggers = &unsafe,
    .step = step,
    .meaning = "Encodes for a URL; a space becomes `+`.",
    .example = "`<a b>` becomes `%3ca+b%3e`",
};
