#include "waf/patterns/rarity.h"

enum { VALUE_BYTES = 25 };

double rarity_of_byte(unsigned char byte)
{
    /* Of a thousand bytes, a to z. */
    static const uint8_t letters[26] = { 60, 12, 30, 28, 85, 15, 15, 22, 55, 3,  7, 35, 25,
                                         50, 55, 20, 2,  50, 50, 65, 22, 8,  12, 4, 12, 3 };
    unsigned char lower = (unsigned char)ascii_lower((char)byte);
    if (lower >= 'a' && lower <= 'z')
        return letters[lower - 'a'] / 1000.0;
    if (byte >= '0' && byte <= '9')
        return 0.018;
    switch (byte) {
    case ' ':
        return 0.04;
    case '.':
    case '/':
    case '-':
    case '_':
        return 0.015;
    case ',':
    case ':':
    case '=':
    case ';':
    case '&':
    case '+':
    case '%':
        return 0.006;
    case '"':
    case '\'':
    case '(':
    case ')':
    case '@':
    case '?':
    case '*':
        return 0.002;
    case '\n':
    case '\r':
    case '\t':
        return 0.001;
    default:
        return byte > 127 ? 0.0005 : byte < ' ' ? 0.00002 : 0.0008;
    }
}

double rarity_of_string(slice string)
{
    double probability = VALUE_BYTES;
    for (size_t i = 0; i < string.len; i++)
        probability *= rarity_of_byte((unsigned char)string.ptr[i]);
    return probability;
}

double rarity_of_set(const struct byte_set *set)
{
    double sum = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        /* Case is folded in the table: the other one adds nothing. */
        bool counted =
            byte >= 'A' && byte <= 'Z' && byte_set_has(set, (unsigned char)(byte | 0x20));
        if (byte_set_has(set, (unsigned char)byte) && !counted)
            sum += rarity_of_byte((unsigned char)byte);
    }
    sum *= VALUE_BYTES;
    return sum > 1 ? 1 : sum;
}
