/* What ipMatch and ipMatchFromFile share: addresses and networks, kept as sorted ranges that do not
 * overlap, so that a value costs one binary search. */
#pragma once

#include "waf/operators/operator.h"

struct address_range;

/* What is read so far; the ranges grow in memory of malloc. */
struct networks_builder {
    struct operator_setup *setup;
    struct address_range *ranges;
    size_t count, capacity;
};

void networks_builder_release(struct networks_builder *b);

/* Without white space at its ends, line ends among it. */
slice networks_trim(slice text);

/* Adds a list with commas between. 0 · -EINVAL with the problem set · -ENOMEM */
MUST_CHECK int networks_add(struct networks_builder *b, slice list);

/* What the operator is prepared with, in the arena of its setup. 0 · -ENOMEM */
MUST_CHECK int networks_finish(struct networks_builder *b, void **ret_prepared);

/* As an operator evaluates: the value is an address in one of the networks. One that is no address
 * is in none. */
int networks_evaluate(const void *prepared, slice argument, slice value,
                      struct operator_match *match, struct work *work);
