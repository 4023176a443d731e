/* eq, ge, gt, le, lt: the value compared with the argument, both read as integers: leading white
 * space, a sign, digits; what follows does not count, and without a digit it is 0. What is beyond
 * 64 bits is the largest, or the smallest, number there is. */
#include "waf/operators/table.h"

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

/* A number without macros is read once. */
static int prepare(struct operator_setup *setup, slice argument, bool has_macro,
                   void **ret_prepared)
{
    if (has_macro)
        return 0;
    int64_t *number = arena_take(setup->arena, sizeof *number);
    if (!number)
        return -ENOMEM;
    *number = number_of(argument);
    *ret_prepared = number;
    return 0;
}

/* < 0, 0, > 0 as the value is less than, equal to, greater than the argument */
static int compare(const void *prepared, slice argument, slice value)
{
    int64_t right = prepared ? *(const int64_t *)prepared : number_of(argument);
    int64_t left = number_of(value);
    return (left > right) - (left < right);
}

static int equal(const void *prepared, slice argument, slice value,
                 UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return compare(prepared, argument, value) == 0;
}

static int greater_or_equal(const void *prepared, slice argument, slice value,
                            UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return compare(prepared, argument, value) >= 0;
}

static int greater(const void *prepared, slice argument, slice value,
                   UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return compare(prepared, argument, value) > 0;
}

static int less_or_equal(const void *prepared, slice argument, slice value,
                         UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return compare(prepared, argument, value) <= 0;
}

static int less(const void *prepared, slice argument, slice value,
                UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return compare(prepared, argument, value) < 0;
}

const struct operator operator_eq = {
    .name = "eq",
    .takes_argument = true,
    .has_macros = true,
    .prepare = prepare,
    .evaluate = equal,
    .meaning = "The value is this number.",
    .example = "SecRule &REQUEST_HEADERS:Host \"@eq 0\" \"id:1,phase:1,deny\"",
};

const struct operator operator_ge = {
    .name = "ge",
    .takes_argument = true,
    .has_macros = true,
    .prepare = prepare,
    .evaluate = greater_or_equal,
    .meaning = "The value is this number or greater.",
    .example = "SecRule TX:SCORE \"@ge %{tx.threshold}\" \"id:1,phase:2,deny\"",
};

const struct operator operator_gt = {
    .name = "gt",
    .takes_argument = true,
    .has_macros = true,
    .prepare = prepare,
    .evaluate = greater,
    .meaning = "The value is greater than this number.",
    .example = "SecRule &ARGS \"@gt 255\" \"id:1,phase:2,deny\"",
};

const struct operator operator_le = {
    .name = "le",
    .takes_argument = true,
    .has_macros = true,
    .prepare = prepare,
    .evaluate = less_or_equal,
    .meaning = "The value is this number or less.",
    .example = "SecRule &ARGS \"@le 10\" \"id:1,phase:2,pass\"",
};

const struct operator operator_lt = {
    .name = "lt",
    .takes_argument = true,
    .has_macros = true,
    .prepare = prepare,
    .evaluate = less,
    .meaning = "The value is less than this number.",
    .example = "SecRule TX:LEVEL \"@lt 2\" \"id:1,phase:2,pass,skipAfter:END\"",
};
