/* One text in another, byte by byte; case counts. */
#pragma once

#include "waf/operators/operator.h"

/* Where `needle` stands in s from `from` on, s.len: nowhere. In windows, so that others can run:
 * each is as long as the needle at least, so that the whole is linear. 0 · work_spend's */
MUST_CHECK int find_text(slice s, slice needle, size_t from, struct work *work, size_t *ret_at);

/* As an operator evaluates: the argument stands in the value. An empty one is in everything. */
MUST_CHECK int find_argument(const void *prepared, slice argument, slice value,
                             struct operator_match *match, struct work *work);
