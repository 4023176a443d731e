/* A set of IP networks with a verdict each; the longest prefix decides. Built once while loading,
 * read on every request: a binary search per distinct prefix length. */
#pragma once

#include "base/arena.h"
#include "net/address.h"

struct network_entry {
    struct ip_network network;
    uint8_t depth;      /* of the block that said it: a nearer block wins over a farther one */
    bool denies;        /* of equals, deny wins */
    const slice *where; /* the statement in the configuration; NULL: it does not matter */
};

struct network_set {
    struct network_entry *entries; /* sorted by prefix (longest first), base */
    uint32_t count;
    uint32_t starts[130]; /* index of the first entry with prefix 128-i or shorter */
};

/* Sorts, resolves equals, keeps a copy in the arena. 0 · -ENOMEM */
MUST_CHECK int network_set_build(struct arena *a, const struct network_entry *entries,
                                 uint32_t count, struct network_set *ret);
/* The deciding entry, or NULL. */
const struct network_entry *network_set_find(const struct network_set *s, struct ip ip);
