/* escapeSeqDecode: escapes of C: \a \b \f \n \r \t \v \\ \? \' \", \xHH and up to three octal
 * digits, of which eight bits count. Of any other the backslash is dropped; one at the end stays.
 */
#include "waf/transforms/run.h"

static const struct byte_set triggers = { .bits = { 0, BYTE_BIT('\\') } };

/* The bytes used of what follows the backslash. */
static size_t decode_escape(struct transform_run *run, size_t at)
{
    int next = run_peek(run, at), byte = escape_letter(next);
    size_t digits;
    unsigned octal = run_octal(run, at, 0777, &digits);
    if (digits > 0) {
        run_put(run, octal & 0xff);
        return digits;
    }
    if ((next | 0x20) == 'x' && run_hex_pair(run, at + 1) >= 0) {
        run_put(run, (unsigned)run_hex_pair(run, at + 1));
        return 3;
    }
    if (next < 0) {
        run_put(run, '\\');
        return 0;
    }
    run_put(run, (unsigned)(byte >= 0 ? byte : next));
    return 1;
}

static void step(struct transform_run *run, size_t bytes_max)
{
    run_backslashes(run, bytes_max, decode_escape);
}

const struct transform transform_escape_seq_decode = {
    .name = "escapeSeqDecode",
    .out_max = transform_same,
    .triggers = &triggers,
    .step = step,
    .meaning = "Decodes escapes of C.",
    .example = "`\\x3cscript\\076` becomes `<script>`",
};
