/* Numbers: checked arithmetic on sizes, and decimal or hexadecimal digits parsed into a range. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

/* false when the result does not fit; *ret is then untouched. */
MUST_CHECK bool size_add(size_t a, size_t b, size_t *ret);
MUST_CHECK bool size_multiply(size_t a, size_t b, size_t *ret);

/* The whole of `digits` as a plain number: digits only, at least one, no sign, no spaces.
 * returns 0 · -EINVAL not a number · -ERANGE above `max` */
MUST_CHECK int number_parse(slice digits, uint64_t max, uint64_t *ret_value);
MUST_CHECK int number_parse_hex(slice digits, uint64_t max, uint64_t *ret_value);

static inline uint64_t number_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
