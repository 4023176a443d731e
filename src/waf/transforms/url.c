/* urlDecode, urlDecodeUni, urlEncode.
 *
 * urlDecode: %HH and "+" (a space) of forms. A malformed escape stays as it is.
 * urlDecodeUni: also %uHHHH, as IIS reads it: the byte that SecUnicodeMapFile has for the
 * character, otherwise its low byte, with full-width forms folded. A malformed one keeps its "%u".
 * urlEncode: letters, digits and "*" stay, a space becomes "+", any other byte %hh in lower case.
 */
#include "waf/transforms/run.h"

static const struct byte_set escapes = { .bits = { BYTE_BIT('%') | BYTE_BIT('+') } };
static const struct byte_set unsafe = { .bits = { ~(BYTE_BITS('0', '9') | BYTE_BIT('*')),
                                                  ~(BYTE_BITS('A', 'Z') | BYTE_BITS('a', 'z')),
                                                  ~UINT64_C(0), ~UINT64_C(0) } };

/* The escape at `at`, a percent sign; returns how long it is. */
static size_t decode_escape(struct transform_run *run, size_t at)
{
    int byte = run_hex_pair(run, at + 1);
    run_put(run, byte >= 0 ? (unsigned)byte : '%');
    return byte >= 0 ? 3 : 1;
}

static size_t decode_wide_escape(struct transform_run *run, size_t at)
{
    if ((run_peek(run, at + 1) | 0x20) != 'u')
        return decode_escape(run, at);
    int code = run_hex_four(run, at + 2);
    if (code < 0) {
        run_copy(run, at, at + 2);
        return 2;
    }
    int mapped = unicode_map_byte(run->map, (unsigned)code);
    run_put(run, mapped >= 0 ? (unsigned)mapped : fold_full_width((unsigned)code));
    return 6;
}

static void decode(struct transform_run *run, size_t bytes_max,
                   size_t (*escape)(struct transform_run *run, size_t at))
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = run_copy_to_set(run, i, stop, &escapes);
        if (i == stop)
            break;
        if (run->in.ptr[i] == '%') {
            i += escape(run, i);
        } else {
            run_put(run, ' ');
            i++;
        }
    }
    run_end(run, i);
}

static void decode_step(struct transform_run *run, size_t bytes_max)
{
    decode(run, bytes_max, decode_escape);
}

static void decode_wide_step(struct transform_run *run, size_t bytes_max)
{
    decode(run, bytes_max, decode_wide_escape);
}

static void encode_step(struct transform_run *run, size_t bytes_max)
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

const struct transform transform_url_decode = {
    .name = "urlDecode",
    .out_max = transform_same,
    .triggers = &escapes,
    .step = decode_step,
    .meaning = "Decodes `%HH` and `+`.",
    .example = "`%3Cscript%3E+x` becomes `<script> x`",
};

const struct transform transform_url_decode_uni = {
    .name = "urlDecodeUni",
    .out_max = transform_same,
    .triggers = &escapes,
    .step = decode_wide_step,
    .meaning = "Decodes `%HH`, `+` and `%uHHHH`, the last as `SecUnicodeMapFile` says.",
    .example = "`%u003cscript%uFF1E` becomes `<script>`",
};

const struct transform transform_url_encode = {
    .name = "urlEncode",
    .out_max = transform_triple,
    .triggers = &unsafe,
    .step = encode_step,
    .meaning = "Encodes for a URL; a space becomes `+`.",
    .example = "`<a b>` becomes `%3ca+b%3e`",
};
