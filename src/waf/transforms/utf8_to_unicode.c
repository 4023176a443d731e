/* utf8toUnicode: each character of UTF-8 that has more than one byte as %uHHHH (five or six digits
 * beyond U+FFFF), so that urlDecodeUni behind it folds what looks like ASCII.
 *
 * Overlong forms and surrogates are written as well, since a lenient decoder would read them; what
 * is no sequence of UTF-8 stays byte by byte. */
#include "waf/transforms/run.h"

static const struct byte_set leads = { .bits = { 0, 0, 0, BYTE_BITS(0xc0, 0xf4) } };

/* How many bytes a sequence has that begins so; 0: none does. */
static size_t sequence_length(unsigned lead)
{
    if (lead >= 0xc0 && lead < 0xe0)
        return 2;
    if (lead >= 0xe0 && lead < 0xf0)
        return 3;
    return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

/* The character at `at`, whose length is 2 … 4; -1 when its bytes are not all there. */
static int decode(const struct transform_run *run, size_t at, size_t length)
{
    unsigned code = (unsigned)run_peek(run, at) & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        int byte = run_peek(run, at + i);
        if (byte < 0 || (byte & 0xc0) != 0x80)
            return -1;
        code = code << 6 | ((unsigned)byte & 0x3f);
    }
    return (int)code;
}

static void put_code(struct transform_run *run, unsigned code)
{
    static const char digits[] = "0123456789abcdef";
    run_put(run, '%');
    run_put(run, 'u');
    unsigned shift = code > 0xfffff ? 20 : code > 0xffff ? 16 : 12;
    for (;; shift -= 4) {
        run_put(run, (unsigned char)digits[code >> shift & 15]);
        if (shift == 0)
            break;
    }
}

/* From `at` to the next byte of a sequence, eight bytes of ASCII at a time. */
static size_t copy_ascii(struct transform_run *run, size_t at, size_t stop)
{
    size_t i = at;
    for (uint64_t word; stop - i >= sizeof word; i += sizeof word) {
        memcpy(&word, run->in.ptr + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < stop && (unsigned char)run->in.ptr[i] < 0x80)
        i++;
    run_copy(run, at, i);
    return i;
}

static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = copy_ascii(run, i, stop);
        if (i == stop)
            break;
        size_t length = sequence_length((unsigned char)run->in.ptr[i]);
        int code = length ? decode(run, i, length) : -1;
        if (code >= 0) {
            put_code(run, (unsigned)code);
            i += length;
        } else {
            run_put(run, (unsigned char)run->in.ptr[i++]);
        }
    }
    run_end(run, i);
}

const struct transform transform_utf8_to_unicode = {
    .name = "utf8toUnicode",
    .out_max = transform_triple,
    .triggers = &leads,
    .step = step,
    .meaning = "Writes characters of UTF-8 beyond ASCII as `%uHHHH`.",
    .example = "`＜b` (a full-width `<`) becomes `%uff1cb`",
};
