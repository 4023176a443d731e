/* Persistent collections: variables of IP, GLOBAL, SESSION, USER and RESOURCE that outlive a
 * transaction. The engine reads and writes them through this interface, one variable at a time, so
 * that transactions which run at the same time count together.
 *
 * store_memory is the implementation in the memory of one process: bounded in variables, what was
 * not written to for longest goes first; keyed hashing, because strangers choose the keys. */
#pragma once

#include "base/arena.h"
#include "base/siphash.h"
#include "waf/waf.h"

enum { STORE_TEXT_MAX = 1024 }; /* of a key, a name, a value: more is -E2BIG */

struct store_name {
    enum variable_id collection;
    slice key;  /* what initcol said: an address */
    slice name; /* lower case */
};

struct waf_store {
    /* The value, copied to the arena. 0 · -ENOENT · -ENOMEM */
    int (*read)(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                struct arena *arena, slice *ret_value);

    /* Makes the variable or changes its value; one that expires goes on doing so at its time.
     * 0 · -E2BIG · -ENOMEM */
    int (*write)(struct waf_store *s, const struct store_name *n, int64_t now_ms, slice value);

    /* Adds to a number; what is no number is 0, and so is what would be below it. 0 · -E2BIG ·
     * -ENOMEM */
    int (*add)(struct waf_store *s, const struct store_name *n, int64_t now_ms, int64_t difference);

    /* Of what is there: when it ends. */
    void (*expire)(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                   int64_t lifetime_ms);

    void (*remove)(struct waf_store *s, const struct store_name *n);

    /* Every variable of a collection and key (name is not looked at), until `each` says no.
     * Nothing may be written meanwhile. */
    void (*list)(struct waf_store *s, const struct store_name *n, int64_t now_ms,
                 bool (*each)(void *context, slice name, slice value), void *context);
};

enum { STORE_LIFETIME_S = 3600 }; /* of what nobody writes to: ModSecurity's SecCollectionTimeout */

/* variables_max   at least 1; each takes about 150 bytes and its texts
 * lifetime_ms     after the last write
 * 0 · -ENOMEM */
MUST_CHECK int store_memory_open(unsigned variables_max, int64_t lifetime_ms,
                                 const struct siphash_key *key, struct waf_store **ret);
void store_memory_close(struct waf_store *s); /* NULL is nothing */
