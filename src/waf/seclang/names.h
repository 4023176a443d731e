/* A table from names to numbers, in an arena; for what a load has to find again. */
#pragma once

#include "base/arena.h"

struct name_entry {
    slice name; /* ptr NULL: free */
    uint32_t value;
};

struct names {
    struct name_entry *entries;
    unsigned count, capacity; /* a power of two */
};

/* The number of a name, exactly as written; UINT32_MAX: there is none. */
uint32_t names_find(const struct names *n, slice name);

/* Adds a name that is not there; its bytes must stay. 0 · -ENOMEM */
MUST_CHECK int names_add(struct names *n, struct arena *arena, slice name, uint32_t value);
