/* base64Decode, base64DecodeExt, base64Encode (RFC 4648 §4).
 *
 * base64Decode reads up to the first byte that is not of the alphabet (padding and white space are
 * not): what stands before is decoded, the rest is dropped. A last group of two or three letters
 * gives one or two bytes, of one letter none.
 *
 * base64DecodeExt reads as lenient decoders do (PHP's): it skips whatever is not of the alphabet,
 * wherever it stands.
 *
 * base64Encode pads its last group with "=". */
#include "waf/transforms/run.h"

/* Of a letter: its value + 1; 0 for what is none. */
static const unsigned char letters[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* state[0]: bits not given out yet; state[1]: how many */
static void put_letter(struct transform_run *run, unsigned value)
{
    uint64_t bits = (run->state[0] << 6 | value) & 0xffff;
    run->state[0] = bits;
    run->state[1] += 6;
    if (run->state[1] >= 8) {
        run->state[1] -= 8;
        run_put(run, (unsigned)(bits >> run->state[1]) & 0xff);
    }
}

static void decode_strict(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    for (; i < stop; i++) {
        unsigned letter = letters[(unsigned char)run->in.ptr[i]];
        if (letter == 0) {
            run_end(run, run->in.len);
            return;
        }
        put_letter(run, letter - 1);
    }
    run_end(run, i);
}

static void decode_lenient(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    for (; i < stop; i++) {
        unsigned letter = letters[(unsigned char)run->in.ptr[i]];
        if (letter != 0)
            put_letter(run, letter - 1);
    }
    run_end(run, i);
}

static void encode(struct transform_run *run, size_t bytes_max)
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

/* What the letters at the front decode to. */
static size_t longest_decoded(slice in, size_t enough)
{
    size_t count = 0, bytes = 0;
    while (count < in.len && bytes < enough && letters[(unsigned char)in.ptr[count]] != 0)
        bytes = ++count * 3 / 4;
    return bytes;
}

static size_t decoded_max(size_t in_len)
{
    return in_len / 4 * 3 + 3;
}

static size_t encoded_max(size_t in_len)
{
    return (in_len + 2) / 3 * 4;
}

const struct transform transform_base64_decode = {
    .name = "base64Decode",
    .out_max = decoded_max,
    .longest = longest_decoded,
    .step = decode_strict,
    .meaning = "Decodes Base64 up to the first byte that is not of its alphabet.",
    .example = "`PHNjcmlwdD4=` becomes `<script>`",
};

const struct transform transform_base64_decode_ext = {
    .name = "base64DecodeExt",
    .out_max = decoded_max,
    .step = decode_lenient,
    .meaning = "Decodes Base64 and skips whatever is not of its alphabet.",
    .example = "`P.HNjc mlwdD4` becomes `<script>`",
};

const struct transform transform_base64_encode = {
    .name = "base64Encode",
    .out_max = encoded_max,
    .step = encode,
    .meaning = "Encodes as Base64.",
    .example = "`<script>` becomes `PHNjcmlwdD4=`",
};
