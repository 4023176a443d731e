/* sqlHexDecode: decodes 0x41424344, the way MySQL writes text in digits; what does not begin with
 * 0x and two digits stays. */
#include "waf/transforms/run.h"

static const struct byte_set triggers = { .bits = { 0, BYTE_BIT('x') | BYTE_BIT('X') } };

/* state[0]: within the digits */
static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        int pair = run->state[0] != 0 ? run_hex_pair(run, i) : -1;
        if (pair >= 0) {
            run_put(run, (unsigned)pair);
            i += 2;
            continue;
        }
        run->state[0] = run_peek(run, i) == '0' && (run_peek(run, i + 1) | 0x20) == 'x' &&
                        run_hex_pair(run, i + 2) >= 0;
        if (run->state[0] != 0)
            i += 2;
        else
            run_put(run, (unsigned char)run->in.ptr[i++]);
    }
    run_end(run, i);
}

const struct transform transform_sql_hex_decode = {
    .name = "sqlHexDecode",
    .out_max = transform_same,
    .triggers = &triggers,
    .step = step,
    .meaning = "Decodes text that SQL writes in hexadecimal digits.",
    .example = "`select 0x61646d696e` becomes `select admin`",
};
