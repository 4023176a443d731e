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

/* The high bit of each byte under 0x20 and of each 0x7f, in eight bytes at once. A borrow can mark
 * too many bytes, never too few; bytes from 0x80 on are never marked for themselves. */
static uint64_t suspects(const char *bytes)
{
    static const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t x;
    memcpy(&x, bytes, sizeof x);
    return ((x - ones * 0x20) | ((x ^ ones * 0x7f) - ones)) & ~x & highs;
}

bool bytes_are_value(slice s)
{
    if (s.len < 8)
        return bytes_are(s, BYTE_VALUE);
    uint64_t found = suspects(s.ptr + s.len - 8); /* the rest of the last word, and some again */
    for (size_t at = 0; at + 8 < s.len; at += 8)
        found |= suspects(s.ptr + at);
    return LIKELY(found == 0) || bytes_are(s, BYTE_VALUE); /* HTAB is suspect, and fine */
}

int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
