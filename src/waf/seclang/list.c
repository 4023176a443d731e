#include "waf/seclang/list.h"

#include <errno.h>

int list_fit(struct arena *arena, void *items, unsigned count, unsigned *capacity, size_t each)
{
    if (count < *capacity)
        return 0;
    void *old;
    memcpy(&old, items, sizeof(old));
    unsigned wanted = *capacity ? *capacity * 2 : 8;
    if (wanted <= *capacity)
        return -ENOMEM;
    void *grown = arena_take_array(arena, wanted, each);
    if (!grown)
        return -ENOMEM;
    if (count)
        memcpy(grown, old, count * each);
    memcpy(items, &grown, sizeof(grown));
    *capacity = wanted;
    return 0;
}
