/* Persistent collections: variables of IP, GLOBAL, SESSION, USER and RESOURCE that outlive a
 * transaction. The engine reads and writes them through this interface, one variable at a time, so
 * that transactions which run at the same time count together. A collection is told apart by
 * application, kind and key.
 *
 * store_table is the implementation: a piece of memory, of this process alone or shared by many
 * that trust each other with nothing but their own mistakes. Fixed places, no pointers, no lock
 * that a dying process could leave:
 *
 *   - Numbers are one word, value and expiry together, and change by compare-and-swap: of counts
 *     made at the same time none is lost.
 *   - Texts, and new places, are written under a claim on their set of places. Whoever finds the
 * same claim for longer than any writer takes, takes it over: what a writer had begun is then lost.
 *   - What is read is copied, and its lengths are cut to what there can be.
 *
 * The memory never grows. The variables of a collection lie in one set of STORE_WAYS places,
 * together with those of others; where the set is full, what is over goes first, then what was not
 * written to for longest. Keys are hashed with a secret, because strangers choose them, and are not
 * kept. */
#pragma once

#include "base/arena.h"
#include "base/siphash.h"
#include "waf/waf.h"

enum {
    STORE_NAME_MAX = 64,  /* bytes of a variable's name; a longer one is -E2BIG */
    STORE_TEXT_MAX = 208, /* of a value */
    STORE_WAYS = 32,
    STORE_SET_BYTES = 64 + STORE_WAYS * 8 + STORE_WAYS * 320
};

struct store_name {
    slice application; /* which rules they belong to */
    enum variable_id collection;
    slice key;  /* what initcol said: an address */
    slice name; /* lower case */
};

/* Of a collection, by the clock of whoever wrote it. */
struct store_life {
    int64_t created_ms, updated_ms;
    uint64_t updates;
};

struct waf_store {
    /* A transaction is about to change the collection: it is made when there is none, the change is
     * counted, and it lives for lifetime_ms from now on, unless something in it expires later. 0 ·
     * -ENOSPC */
    int (*touch)(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                 int64_t lifetime_ms);

    /* 0 · -ENOENT there is no such collection */
    int (*life)(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                struct store_life *ret);

    /* The value, copied to the arena. 0 · -ENOENT · -ENOMEM */
    int (*read)(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                struct arena *arena, slice *ret_value);

    /* Makes the variable or changes its value; one that expires goes on doing so at its time.
     * 0 · -ENOENT there is no such collection · -E2BIG · -ENOSPC */
    int (*write)(struct waf_store *s, const struct store_name *n, int64_t now_ms, slice value);

    /* Adds to a number; what is no number is 0, and so is what would be below it; it stops growing
     * at INT32_MAX. 0 · -ENOENT · -E2BIG · -ENOSPC */
    int (*add)(struct waf_store *s, const struct store_name *n, int64_t now_ms, int64_t difference);

    /* Of what is there: when it ends, to the second that begins then or after. The collection
     * lives as long. */
    void (*expire)(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                   int64_t lifetime_ms);

    void (*remove)(struct waf_store *s, const struct store_name *n, int64_t now_ms);

    /* Every variable of a collection (name is not looked at), until `each` says no. */
    void (*list)(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                 bool (*each)(void *context, slice name, slice value), void *context);
};

struct store_table {
    struct waf_store store;
    struct store_memory *memory;
    size_t set_count;
    struct siphash_key secret;
    uint32_t claimant, claims;
    void (*give_way)(void);
};

/* Between those that share the memory. */
struct store_sharing {
    uint32_t claimant;      /* which of them this one is */
    void (*give_way)(void); /* lets others run: called while one of them writes */
};

/* memory     on a line of the cache; all zero is an empty table; it outlives `t`
 * bytes      at least STORE_SET_BYTES + 64, the same for all that share it, and so is the secret */
void store_table_open(struct store_table *t, void *memory, size_t bytes,
                      const struct siphash_key *secret, const struct store_sharing *sharing);
