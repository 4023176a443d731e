/* An array in an arena that grows: by doubling, the old one is left behind. */
#pragma once

#include "base/arena.h"

/* Makes room for one more item behind `count`. items: a pointer to the pointer to the first.
 * 0 · -ENOMEM */
MUST_CHECK int list_fit(struct arena *arena, void *items, unsigned count, unsigned *capacity,
                        size_t each);

#define LIST_FIT(arena, list)                                                                      \
    list_fit((arena), &(list)->items, (list)->count, &(list)->capacity, sizeof(*(list)->items))
