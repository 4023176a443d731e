/* Guards: sets of bytes of which every match has one. Where a value has none, nothing else need be
 * looked at. */
#pragma once

#include "waf/patterns/tree.h"

enum { GUARDS_MAX = 2 };

struct guards {
    struct byte_set sets[GUARDS_MAX]; /* the rarest first */
    unsigned count;
};

void guards_find(const struct node *root, struct guards *ret_guards);
