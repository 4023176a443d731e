#include "config/utf8.h"

#include <errno.h>

#include "base/number.h"

size_t utf8_length(slice s)
{
    if (s.len == 0)
        return 0;
    const unsigned char *b = (const unsigned char *)s.ptr;
    if (b[0] < 0x80)
        return 1;
    size_t need = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    if (b[0] < 0xc2 || b[0] > 0xf4 || s.len < need)
        return 0;
    uint32_t character = b[0] & (0xffu >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (b[i] & 0x3f);
    }
    bool is_overlong = (need == 3 && character < 0x800) || (need == 4 && character < 0x10000);
    bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
    return is_overlong || is_surrogate || character > 0x10ffff ? 0 : need;
}

size_t utf8_encode(uint32_t character, char *to)
{
    if (character < 0x80) {
        to[0] = (char)character;
        return 1;
    }
    size_t count = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = count - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    to[0] = (char)(first[count] | character);
    return count;
}

int utf8_parse_hex(slice digits, uint32_t *ret_character)
{
    uint64_t value;
    if (digits.len > 6 || number_parse_hex(digits, 0x10ffff, &value) != 0)
        return -EINVAL;
    if (value == 0 || (value >= 0xd800 && value <= 0xdfff))
        return -EINVAL;
    *ret_character = (uint32_t)value;
    return 0;
}
