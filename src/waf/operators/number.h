/* What eq, ge, gt, le and lt share: the value and the argument read as integers: leading white
 * space, a sign, digits; what follows does not count, and without a digit it is 0. What is beyond
 * 64 bits is the largest, or the smallest, number there is. */
#pragma once

#include "waf/operators/operator.h"

/* An argument without macros is read once. 0 · -ENOMEM */
MUST_CHECK int number_prepare(struct operator_setup *setup, slice argument, bool has_macro,
                              void **ret_prepared);

/* < 0, 0, > 0 as the value is less than, equal to, greater than the argument. prepared: what
 * number_prepare gave. */
int number_compare(const void *prepared, slice argument, slice value);
