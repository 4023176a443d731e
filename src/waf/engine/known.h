/* What a worker has found out about values that come again and again: the fields that a browser
 * sends with each request, names of arguments, cookies, paths. Of such a value it is kept what the
 * prefilter and the operators of the rules have left over: which of them can match what which node
 * makes of it, mostly none. A transaction that meets the value again passes over it.
 *
 * Only what follows from the bytes of a value alone, under one ruleset, is kept: rules decide the
 * same with and without. A value is found by a keyed hash of 128 bits (SipHash), never by itself:
 * nothing of what clients sent stays here, and who does not know the key cannot make two values
 * with one hash. It is learnt when it comes the second time within a while, so that what comes once
 * costs nobody a place.
 *
 * One for a ruleset, and for each process that judges by it: not shared, no locks. Bounded, never
 * grows. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/slice.h"

enum {
    KNOWN_BYTES_MAX = 4096, /* longer values are not kept: they seldom come again */
    KNOWN_NEEDS_MAX = 1024, /* of rulesets with more, nothing is */
    KNOWN_NODES_MAX = 64,   /* of nodes beyond, nothing is known */
    KNOWN_PAIRS_MAX = 12,
    KNOWN_WAYS = 4,
    KNOWN_SETS = 1024,
    KNOWN_SIGHTINGS = 8192 /* remembered of what came once */
};

/* The operator of `need` can match what `node` makes of the value. */
struct known_pair {
    uint16_t node, need;
};

/* A node is a bit. */
struct known_facts {
    uint64_t nodes;  /* it is known what can match: of the needs that count `pairs`, nothing else */
    uint64_t as_raw; /* of these: whatever matches there matches the raw value; no pairs */
    unsigned count;
    struct known_pair pairs[KNOWN_PAIRS_MAX];
};

struct waf_known;

/* Its key is random. 0 · -ENOMEM */
MUST_CHECK int known_open(struct waf_known **ret);
void known_close(struct waf_known *k); /* may be NULL */

/* --- What counts -------------------------------------------------------------------------------
 *
 * Most rule sets have rules that nobody runs: of higher paranoia levels, second links of chains.
 * What could match for them would be most of what is known. So only needs count that were asked
 * for; a first question, which is rare, makes all that is known void. */

/* The needs that count. */
struct known_needs {
    uint32_t epoch; /* changes with them */
    uint64_t bits[KNOWN_NEEDS_MAX / 64];
};

/* As they are now, valid until the next known_ask. */
const struct known_needs *known_needs_of(const struct waf_known *k);

/* From now on it counts. */
void known_ask(struct waf_known *k, uint32_t need);

static inline bool known_counts(const struct known_needs *n, uint32_t need)
{
    return n->bits[need >> 6] >> (need & 63) & 1;
}

/* --- Values ----------------------------------------------------------------------------------- */

struct known_key {
    uint32_t epoch;  /* of the needs */
    unsigned source; /* other rules look at other sources */
    uint64_t hash[2];
};

/* value: at most KNOWN_BYTES_MAX */
struct known_key known_key_of(const struct waf_known *k, uint32_t epoch, unsigned source,
                              slice value);

/* What is known under the key, valid until the next known_put; NULL: nothing.
 * *ret_comes_again: nothing, but it was asked for before, so it may be worth its place */
const struct known_facts *known_find(struct waf_known *k, const struct known_key *key,
                                     bool *ret_comes_again);

/* Keeps it, in place of what was known under the key, or of what was not asked for for longest;
 * not when other needs count by now. */
void known_put(struct waf_known *k, const struct known_key *key, const struct known_facts *facts);

/* --- Facts ------------------------------------------------------------------------------------ */

static inline bool known_has_node(const struct known_facts *f, uint32_t node)
{
    return node < KNOWN_NODES_MAX && f->nodes >> node & 1;
}

/* Whether it is known that the operator cannot match what the node makes of the value. */
bool known_rules_out(const struct known_facts *f, uint32_t node, uint32_t need);

/* Nodes behind which nothing matches that does not match the raw value. */
uint64_t known_settled(const struct known_facts *f);

/* Nothing can match what the node makes of the value. */
static inline void known_add_node(struct known_facts *f, uint32_t node)
{
    if (node < KNOWN_NODES_MAX)
        f->nodes |= UINT64_C(1) << node;
}

/* The operator has said no. */
void known_drop_pair(struct known_facts *f, uint32_t node, uint32_t need);
