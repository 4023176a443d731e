#include "control/name_map.h"

#include <errno.h>

#include "base/random.h"
#include "config/suggest.h"

#define SUGGEST_NAMES_MAX 2000u /* a typo is not worth more time */

void name_map_open(struct name_map *m, struct arena *a)
{
    *m = (struct name_map){ .arena = a };
    random_bytes(&m->key, sizeof m->key);
}

static struct name_entry *find_slot(const struct name_map *m, slice name)
{
    uint32_t at = (uint32_t)siphash(&m->key, name.ptr, name.len) & (m->capacity - 1);
    while (m->entries[at].name.ptr && !slice_equal(m->entries[at].name, name))
        at = (at + 1) & (m->capacity - 1);
    return &m->entries[at];
}

void *name_map_find(const struct name_map *m, slice name)
{
    return m->capacity ? find_slot(m, name)->value : NULL;
}

static int grow(struct name_map *m)
{
    struct name_map grown = *m;
    grown.capacity = m->capacity ? m->capacity * 2 : 64;
    grown.entries = arena_take_array(m->arena, grown.capacity, sizeof *grown.entries);
    if (!grown.entries)
        return -ENOMEM;
    for (uint32_t i = 0; i < m->capacity; i++)
        if (m->entries[i].name.ptr)
            *find_slot(&grown, m->entries[i].name) = m->entries[i];
    *m = grown;
    return 0;
}

int name_map_add(struct name_map *m, slice name, void *value)
{
    if (m->count >= m->capacity / 2)
        TRY(grow(m));
    *find_slot(m, name) = (struct name_entry){ .name = name, .value = value };
    m->count++;
    return 0;
}

slice name_map_suggest(const struct name_map *m, slice wanted)
{
    struct suggestion near = suggestion_for(wanted);
    uint32_t offered = 0;
    for (uint32_t i = 0; i < m->capacity && offered < SUGGEST_NAMES_MAX; i++) {
        if (!m->entries[i].name.ptr)
            continue;
        suggestion_offer(&near, m->entries[i].name);
        offered++;
    }
    return near.best;
}
