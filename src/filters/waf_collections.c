#include "filters/waf_collections.h"

#include <sched.h>

#include "proxy/gate_state.h"
#include "waf/engine/store.h"

static void give_way(void)
{
    sched_yield();
}

struct waf_store *waf_collections(void)
{
    static struct store_table table;
    static const struct collections_segment *opened;
    struct collections_segment *s = gate.shared.collections;
    if (!s)
        return NULL;
    if (s != opened) {
        const struct siphash_key secret = { s->hash_key[0], s->hash_key[1] };
        const struct store_sharing sharing = { gate.shared.slot, give_way };
        store_table_open(&table, s->table, sizeof s->table, &secret, &sharing);
        opened = s;
    }
    return &table.store;
}
