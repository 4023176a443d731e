#include "proxy/configuration.h"

static const struct site *serving(const struct host_entry *entry, slice host, uint64_t hash,
                                  uint32_t listener)
{
    for (; entry; entry = entry->next)
        if (entry->hash == hash && slice_equal(entry->host, host) &&
            (entry->site->listener_mask & (1ull << listener)))
            return entry->site;
    return NULL;
}

/* Open hashing: a bucket is a chain through host_entry.next. */
static const struct site *look_up(const struct configuration *c, struct host_entry *const *table,
                                  uint32_t mask, slice host, uint32_t listener)
{
    if (!table)
        return NULL;
    uint64_t hash = siphash(&c->hash_key, host.ptr, host.len);
    return serving(table[hash & mask], host, hash, listener);
}

const struct site *configuration_find_site(const struct configuration *c, slice host,
                                           uint32_t listener)
{
    const struct site *site = NULL;
    if (host.len)
        site = look_up(c, c->exact, c->exact_mask, host, listener);
    for (size_t at = slice_find_byte(host, '.'); !site && c->wildcard && at < host.len;) {
        slice suffix = slice_after(host, at); /* from the longest to the shortest */
        site = look_up(c, c->wildcard, c->wildcard_mask, suffix, listener);
        at += 1 + slice_find_byte(slice_after(suffix, 1), '.');
    }
    for (const struct host_entry *entry = c->any; !site && entry; entry = entry->next)
        if (entry->site->listener_mask & (1ull << listener))
            site = entry->site;
    return site;
}
