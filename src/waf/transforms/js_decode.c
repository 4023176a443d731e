/* jsDecode: escapes of JavaScript: \uHHHH (the low byte, full-width forms folded), \xHH, up to
 * three octal digits that make at most 255, \a \b \f \n \r \t \v. Of any other the backslash is
 * dropped; one at the end stays. */
#include "waf/transforms/run.h"

static const struct byte_set triggers = { .bits = { 0, BYTE_BIT('\\') } };

/* The bytes used of what follows the backslash. */
static size_t decode_escape(struct transform_run *run, size_t at)
{
    int next = run_peek(run, at);
    if (next == 'u' && run_hex_four(run, at + 1) >= 0) {
        run_put(run, fold_full_width((unsigned)run_hex_four(run, at + 1)));
        return 5;
    }
    if (next == 'x' && run_hex_pair(run, at + 1) >= 0) {
        run_put(run, (unsigned)run_hex_pair(run, at + 1));
        return 3;
    }
    size_t digits;
    unsigned octal = run_octal(run, at, 255, &digits);
    if (digits > 0) {
        run_put(run, octal);
        return digits;
    }
    if (next < 0) {
        run_put(run, '\\');
        return 0;
    }
    int byte = escape_letter(next);
    run_put(run, (unsigned)(byte >= 0 ? byte : next));
    return 1;
}

static void step(struct transform_run *run, size_t bytes_max)
{
    run_backslashes(run, bytes_max, decode_escape);
}

const struct transform transform_js_decode = {
    .name = "jsDecode",
    .out_max = transform_same,
    .triggers = &triggers,
    .step = step,
    .meaning = "Decodes escapes of JavaScript.",
    .example = "`\\u003cscript\\x3e` becomes `<script>`",
};
