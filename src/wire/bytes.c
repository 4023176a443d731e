#include "wire/bytes.h"

#define T BYTE_TOKEN
#define V BYTE_VALUE
#define G BYTE_TARGET
#define U BYTE_UNRESERVED
#define P BYTE_PATH
#define D BYTE_DIGIT
#define H BYTE_HEX

const uint8_t byte_classes[256] = {
    ['\t'] = V,
    [' '] = V,
    ['!'] = T | V | G | P,
    ['"'] = V,
    ['#'] = T | V,
    ['$'] = T | V | G | P,
    ['%'] = T | V | G,
    ['&'] = T | V | G | P,
    ['\''] = T | V | G | P,
    ['('] = V | G | P,
    [')'] = V | G | P,
    ['*'] = T | V | G | P,
    ['+'] = T | V | G | P,
    [','] = V | G | P,
    ['-'] = T | V | G | U | P,
    ['.'] = T | V | G | U | P,
    ['/'] = V | G | P,
    ['0' ... '9'] = T | V | G | U | P | D | H,
    [':'] = V | G | P,
    [';'] = V | G | P,
    ['<'] = V,
    ['='] = V | G | P,
    ['>'] = V,
    ['?'] = V | G,
    ['@'] = V | G | P,
    ['A' ... 'F'] = T | V | G | U | P | H,
    ['G' ... 'Z'] = T | V | G | U | P,
    ['['] = V | G,
    ['\\'] = V,
    [']'] = V | G,
    ['^'] = T | V,
    ['_'] = T | V | G | U | P,
    ['`'] = T | V,
    ['a' ... 'f'] = T | V | G | U | P | H,
    ['g' ... 'z'] = T | V | G | U | P,
    ['{'] = V,
    ['|'] = T | V,
    ['}'] = V,
    ['~'] = T | V | G | U | P,
    [0x80 ... 0xff] = V,
};

bool bytes_are(slice s, unsigned classes)
{
    for (size_t i = 0; i < s.len; i++)
        if (!byte_is(s.ptr[i], classes))
            return false;
    return true;
}

bool bytes_are_value(slice s)
{
    static const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    size_t at = 0;
    for (; at + 8 <= s.len; at += 8) {
        uint64_t x;
        memcpy(&x, s.ptr + at, sizeof x);
        /* The high bit of each byte under 0x20, and of each 0x7f; bytes from 0x80 on do not count.
         * A borrow can mark too many bytes, never too few. */
        uint64_t suspects = ((x - ones * 0x20) | ((x ^ ones * 0x7f) - ones)) & ~x & highs;
        if (UNLIKELY(suspects) && !bytes_are(slice_of(s.ptr + at, 8), BYTE_VALUE)) /* HTAB is one */
            return false;
    }
    return bytes_are(slice_after(s, at), BYTE_VALUE);
}

int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
