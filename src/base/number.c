#include "base/number.h"

#include <errno.h>

bool size_add(size_t a, size_t b, size_t *ret)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *ret = sum;
    return true;
}

bool size_multiply(size_t a, size_t b, size_t *ret)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *ret = product;
    return true;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

static int parse(slice digits, uint64_t base, uint64_t max, uint64_t *ret_value)
{
    if (digits.len == 0)
        return -EINVAL;
    uint64_t value = 0;
    bool too_large = false;
    for (size_t i = 0; i < digits.len; i++) {
        uint64_t digit = (uint64_t)digit_value(digits.ptr[i]);
        if (digit >= base)
            return -EINVAL;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            too_large = true;
    }
    if (too_large || value > max)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int number_parse(slice digits, uint64_t max, uint64_t *ret_value)
{
    return parse(digits, 10, max, ret_value);
}

int number_parse_hex(slice digits, uint64_t max, uint64_t *ret_value)
{
    return parse(digits, 16, max, ret_value);
}
