#include "shared/clients.h"

#include <stdatomic.h>

#include "base/panic.h"
#include "base/siphash.h"

/* How far an entry may stand from its place. */
#define PROBES_MAX 128u

static uint32_t place_of(const struct clients_segment *c, const struct client_key *key)
{
    struct siphash_key hash_key = { c->hash_key[0], c->hash_key[1] };
    return (uint32_t)siphash(&hash_key, key->bytes, sizeof key->bytes) % CLIENTS_PER_SLOT;
}

static bool is_key(const struct client_entry *e, const struct client_key *key)
{
    return memcmp(&e->key, key, sizeof *key) == 0;
}

/* The entry, or the free one where it would go; NULL when the neighbourhood is full. */
static struct client_entry *find(const struct client_entry *table, uint32_t place,
                                 const struct client_key *key)
{
    for (uint32_t i = 0; i < PROBES_MAX; i++) {
        const struct client_entry *e = &table[(place + i) % CLIENTS_PER_SLOT];
        if (__atomic_load_n(&e->count, __ATOMIC_SEQ_CST) == 0 || is_key(e, key))
            return (struct client_entry *)(uintptr_t)e;
    }
    return NULL;
}

static uint32_t sum(const struct clients_segment *c, uint32_t place, const struct client_key *key)
{
    uint32_t total = 0, slots = atomic_load_explicit(&c->slots_in_use, memory_order_relaxed);
    for (uint32_t slot = 0; slot < slots && slot < WORKER_SLOTS_MAX; slot++) {
        const struct client_entry *e = find(c->entries[slot], place, key);
        if (e && is_key(e, key))
            total += __atomic_load_n(&e->count, __ATOMIC_SEQ_CST);
    }
    return total;
}

uint32_t clients_enter(struct clients_segment *c, uint32_t slot, const struct client_key *key)
{
    uint32_t place = place_of(c, key);
    struct client_entry *own = find(c->entries[slot], place, key);
    if (!own)
        return 0;
    if (own->count == 0)
        own->key = *key;
    /* Written before the others are read: of two workers that let the same client in at once, at
     * least one sees both. */
    __atomic_store_n(&own->count, own->count + 1, __ATOMIC_SEQ_CST);
    uint32_t total = sum(c, place, key);
    return total ? total : own->count;
}

uint32_t clients_count(const struct clients_segment *c, const struct client_key *key)
{
    return sum(c, place_of(c, key), key);
}

/* Fills the hole with what probing would otherwise no longer find. */
static void close_hole(struct clients_segment *c, struct client_entry *table, uint32_t hole)
{
    for (uint32_t i = 1; i < PROBES_MAX; i++) {
        uint32_t at = (hole + i) % CLIENTS_PER_SLOT;
        if (table[at].count == 0)
            break;
        uint32_t place = place_of(c, &table[at].key);
        uint32_t distance = (at - place) % CLIENTS_PER_SLOT, gap = (at - hole) % CLIENTS_PER_SLOT;
        if (distance < gap)
            continue; /* its own place lies behind the hole */
        table[hole] = table[at];
        hole = at;
        i = 0;
    }
    __atomic_store_n(&table[hole].count, 0, __ATOMIC_RELAXED);
}

void clients_leave(struct clients_segment *c, uint32_t slot, const struct client_key *key)
{
    struct client_entry *table = c->entries[slot];
    struct client_entry *e = find(table, place_of(c, key), key);
    ASSERT(e && e->count > 0 && is_key(e, key));
    if (e->count > 1)
        __atomic_store_n(&e->count, e->count - 1, __ATOMIC_RELAXED);
    else
        close_hole(c, table, (uint32_t)(e - table));
}

void clients_clear(struct clients_segment *c, uint32_t slot)
{
    memset(c->entries[slot], 0, sizeof c->entries[slot]);
    if (atomic_load(&c->slots_in_use) <= slot)
        atomic_store(&c->slots_in_use, slot + 1);
}
