#include "proxy/network_set.h"

#include <errno.h>
#include <stdlib.h>

/* Longest prefix first, then by base; of equals the nearer block first, then deny. */
static int compare(const void *left, const void *right)
{
    const struct network_entry *a = left, *b = right;
    if (a->network.prefix != b->network.prefix)
        return (int)b->network.prefix - (int)a->network.prefix;
    int order = memcmp(a->network.base.bytes, b->network.base.bytes, sizeof a->network.base.bytes);
    if (order)
        return order;
    if (a->depth != b->depth)
        return (int)b->depth - (int)a->depth;
    return (int)b->denies - (int)a->denies;
}

static bool same_network(const struct network_entry *a, const struct network_entry *b)
{
    return a->network.prefix == b->network.prefix && ip_equal(a->network.base, b->network.base);
}

static void index_prefixes(struct network_set *s)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < ARRAY_LENGTH(s->starts); i++) {
        while (at < s->count && 128u - s->entries[at].network.prefix < i)
            at++;
        s->starts[i] = at;
    }
}

int network_set_build(struct arena *a, const struct network_entry *entries, uint32_t count,
                      struct network_set *ret)
{
    *ret = (struct network_set){ 0 };
    if (count == 0)
        return 0;
    struct network_entry *sorted = arena_take_array(a, count, sizeof *sorted);
    if (!sorted)
        return -ENOMEM;
    memcpy(sorted, entries, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || !same_network(&sorted[kept - 1], &sorted[i]))
            sorted[kept++] = sorted[i];
    ret->entries = sorted;
    ret->count = kept;
    index_prefixes(ret);
    return 0;
}

static struct ip masked(struct ip ip, uint32_t prefix)
{
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t bits = prefix > i * 8 ? prefix - i * 8 : 0;
        if (bits < 8)
            ip.bytes[i] &= (uint8_t)(0xff00u >> bits);
    }
    return ip;
}

static const struct network_entry *search(const struct network_set *s, uint32_t from, uint32_t to,
                                          struct ip base)
{
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int order = memcmp(s->entries[middle].network.base.bytes, base.bytes, sizeof base.bytes);
        if (order == 0)
            return &s->entries[middle];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

const struct network_entry *network_set_find(const struct network_set *s, struct ip ip)
{
    for (uint32_t at = 0; at < s->count;) {
        uint32_t prefix = s->entries[at].network.prefix;
        uint32_t end = s->starts[128 - prefix + 1];
        const struct network_entry *found = search(s, at, end, masked(ip, prefix));
        if (found)
            return found;
        at = end;
    }
    return NULL;
}
