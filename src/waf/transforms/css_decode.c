/* cssDecode: escapes of CSS (CSS 2 §4.1.3). A backslash and one to six hexadecimal digits are one
 * byte, that of the last two digits, with full-width forms folded; one white space behind them goes
 * with them. A backslash before a line feed is dropped with it; before anything else, or at the
 * end, alone. */
#include "waf/transforms/run.h"

static const struct byte_set triggers = { .bits = { 0, BYTE_BIT('\\') } };

enum { DIGITS_MAX = 6 };

/* The bytes used of what follows the backslash. */
static size_t decode_escape(struct transform_run *run, size_t at)
{
    unsigned code = 0;
    size_t digits = 0;
    while (digits < DIGITS_MAX && hex_digit(run_peek(run, at + digits)) >= 0) {
        code = code << 4 | (unsigned)hex_digit(run_peek(run, at + digits));
        digits++;
    }
    if (digits > 0) {
        /* Full-width forms are those of the lowest plane: \ff1c, \00ff1c, not \1ff1c. */
        run_put(run, code <= 0xffff ? fold_full_width(code) : code & 0xff);
        return digits + (is_space(run_peek(run, at + digits)) ? 1 : 0);
    }
    int next = run_peek(run, at);
    if (next >= 0 && next != '\n')
        run_put(run, (unsigned)next);
    return next >= 0 ? 1 : 0;
}

static void step(struct transform_run *run, size_t bytes_max)
{
    run_backslashes(run, bytes_max, decode_escape);
}

const struct transform transform_css_decode = {
    .name = "cssDecode",
    .out_max = transform_same,
    .triggers = &triggers,
    .step = step,
    .meaning = "Decodes escapes of CSS.",
    .example = "`ja\\vascript\\3a x` becomes `javascript:x`",
};
