#include "waf/operators/number.h"

#include <errno.h>

static int64_t number_of(slice text)
{
    size_t i = 0;
    while (i < text.len && (text.ptr[i] == ' ' || (text.ptr[i] >= 9 && text.ptr[i] <= 13)))
        i++;
    bool is_negative = i < text.len && text.ptr[i] == '-';
    if (i < text.len && (text.ptr[i] == '-' || text.ptr[i] == '+'))
        i++;
    int64_t number = 0;
    for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
        int digit = text.ptr[i] - '0';
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, is_negative ? -digit : digit, &number))
            return is_negative ? INT64_MIN : INT64_MAX;
    }
    return number;
}

static bool has_digit(slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
            return true;
    return false;
}

int number_prepare(struct operator_setup *setup, slice argument, bool has_macro,
                   void **ret_prepared)
{
    if (has_macro)
        return 0;
    int64_t *number = arena_take(setup->arena, sizeof *number);
    if (!number)
        return -ENOMEM;
    if (argument.len && !has_digit(argument))
        return waf_problem_set(setup->problem, "\"%.*s\": a number was expected",
                               SLICE_ARGUMENTS(argument));
    *number = number_of(argument);
    *ret_prepared = number;
    return 0;
}

int number_compare(const void *prepared, slice argument, slice value)
{
    int64_t right = prepared ? *(const int64_t *)prepared : number_of(argument);
    int64_t left = number_of(value);
    return (left > right) - (left < right);
}
