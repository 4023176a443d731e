/* hexDecode, hexEncode, sqlHexDecode.
 *
 * hexDecode takes two digits for one byte; a last single one is dropped. A byte that is no digit
 * counts as ModSecurity counts it, so that no value is lost: by its distance from "0", or from "A"
 * plus ten.
 *
 * sqlHexDecode decodes 0x41424344, the way MySQL writes text in digits; what does not begin with 0x
 * and two digits stays. */
#include "waf/transforms/run.h"

static unsigned digit_value(char c)
{
    unsigned byte = (unsigned char)c;
    return byte >= 'A' ? (byte & 0xdf) - 'A' + 10 : byte - '0';
}

static void decode(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    for (; i < stop && run->in.len - i >= 2; i += 2)
        run_put(run, (digit_value(run->in.ptr[i]) * 16 + digit_value(run->in.ptr[i + 1])) & 0xff);
    run_end(run, run->in.len - i >= 2 ? i : run->in.len);
}

static void encode(struct transform_run *run, size_t bytes_max)
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

static const struct byte_set sql_triggers = { .bits = { 0, BYTE_BIT('x') | BYTE_BIT('X') } };

/* state[0]: within the digits */
static void decode_sql(struct transform_run *run, size_t bytes_max)
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

static size_t half(size_t in_len)
{
    return in_len / 2;
}

static size_t twice(size_t in_len)
{
    return in_len * 2;
}

const struct transform transform_hex_decode = {
    .name = "hexDecode",
    .out_max = half,
    .step = decode,
    .meaning = "Decodes two hexadecimal digits to a byte.",
    .example = "`3c613e` becomes `<a>`",
};

const struct transform transform_hex_encode = {
    .name = "hexEncode",
    .out_max = twice,
    .step = encode,
    .meaning = "Writes each byte as two hexadecimal digits, lower case.",
    .example = "`<a>` becomes `3c613e`",
};

const struct transform transform_sql_hex_decode = {
    .name = "sqlHexDecode",
    .out_max = transform_same,
    .triggers = &sql_triggers,
    .step = decode_sql,
    .meaning = "Decodes text that SQL writes in hexadecimal digits.",
    .example = "`select 0x61646d696e` becomes `select admin`",
};
