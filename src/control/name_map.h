/* Names and what they stand for, while a configuration is loaded: open addressing, grows by
 * doubling in an arena. Names are slices that outlive the map. */
#pragma once

#include "base/arena.h"
#include "base/siphash.h"

struct name_entry {
    slice name; /* ptr NULL: free */
    void *value;
};

struct name_map {
    struct arena *arena;
    struct siphash_key key;
    struct name_entry *entries;
    uint32_t capacity; /* power of two */
    uint32_t count;
};

void name_map_open(struct name_map *m, struct arena *a);
/* NULL: there is none. */
void *name_map_find(const struct name_map *m, slice name);
/* The name is not yet in the map. 0 · -ENOMEM */
MUST_CHECK int name_map_add(struct name_map *m, slice name, void *value);
/* The nearest name for "did you mean"; empty: none is near. */
slice name_map_suggest(const struct name_map *m, slice wanted);
