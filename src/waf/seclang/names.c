#include "waf/seclang/names.h"

#include <errno.h>

enum { NAMES_FIRST = 64 };

/* FNV-1a: the names are those of rule files, nobody attacks the table with them. */
static uint32_t hash(slice name)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.ptr[i]) * 16777619u;
    return h ^ h >> 15;
}

static struct name_entry *entry_of(const struct names *n, slice name)
{
    unsigned i = hash(name) & (n->capacity - 1);
    while (n->entries[i].name.ptr && !slice_equal(n->entries[i].name, name))
        i = (i + 1) & (n->capacity - 1);
    return &n->entries[i];
}

uint32_t names_find(const struct names *n, slice name)
{
    if (!n->capacity)
        return UINT32_MAX;
    const struct name_entry *entry = entry_of(n, name);
    return entry->name.ptr ? entry->value : UINT32_MAX;
}

int names_add(struct names *n, struct arena *arena, slice name, uint32_t value)
{
    if (n->count * 2 >= n->capacity) {
        struct names larger = { .capacity = n->capacity ? n->capacity * 2 : NAMES_FIRST };
        larger.entries = arena_take_array(arena, larger.capacity, sizeof(*larger.entries));
        if (!larger.entries)
            return -ENOMEM;
        for (unsigned i = 0; i < n->capacity; i++)
            if (n->entries[i].name.ptr)
                *entry_of(&larger, n->entries[i].name) = n->entries[i];
        larger.count = n->count;
        *n = larger;
    }
    struct name_entry *entry = entry_of(n, name);
    *entry = (struct name_entry){ .name = name.ptr ? name : SLICE(""), .value = value };
    n->count++;
    return 0;
}
