#include "waf/engine/number_text.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int64_t number_of_text(slice text)
{
    size_t at = 0;
    while (at < text.len && is_space(text.ptr[at]))
        at++;
    bool is_negative = at < text.len && text.ptr[at] == '-';
    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+'))
        at++;
    int64_t value = 0;
    for (; at < text.len && is_digit(text.ptr[at]); at++) {
        value = value * 10 + (text.ptr[at] - '0');
        if (value > INT32_MAX)
            return is_negative ? INT32_MIN : INT32_MAX;
    }
    return is_negative ? -value : value;
}

bool number_is_plain(slice text, int64_t *ret_value)
{
    enum { DIGITS_MAX = 9 }; /* any number of so many digits fits */
    size_t sign = text.len > 1 && text.ptr[0] == '-';
    slice digits = slice_after(text, sign);
    if (digits.len == 0 || digits.len > DIGITS_MAX || (digits.ptr[0] == '0' && text.len > 1))
        return false;
    for (size_t i = 0; i < digits.len; i++)
        if (!is_digit(digits.ptr[i]))
            return false;
    *ret_value = number_of_text(text);
    return true;
}

size_t number_write(int64_t value, char text[NUMBER_TEXT_MAX])
{
    char backwards[NUMBER_TEXT_MAX];
    size_t count = 0, len = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        backwards[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        text[len++] = '-';
    while (count)
        text[len++] = backwards[--count];
    return len;
}
