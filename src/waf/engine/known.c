#include "waf/engine/known.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/random.h"
#include "base/siphash.h"

struct entry {
    struct known_key key; /* epoch 0: free */
    uint32_t asked_at;    /* by the count of all questions */
    struct known_facts facts;
};

struct waf_known {
    struct siphash_key secret;
    struct known_needs needs;
    uint32_t questions;
    struct entry sets[KNOWN_SETS][KNOWN_WAYS];
    uint32_t sightings[KNOWN_SIGHTINGS];
};

int known_open(struct waf_known **ret)
{
    struct waf_known *k = *ret = calloc(1, sizeof(*k));
    if (!k)
        return -ENOMEM;
    random_bytes(&k->secret, sizeof(k->secret));
    k->needs.epoch = 1;
    return 0;
}

void known_close(struct waf_known *k)
{
    free(k);
}

/* --- What counts ------------------------------------------------------------------------------ */

const struct known_needs *known_needs_of(const struct waf_known *k)
{
    return &k->needs;
}

void known_ask(struct waf_known *k, uint32_t need)
{
    ASSERT(need < KNOWN_NEEDS_MAX);
    if (known_counts(&k->needs, need))
        return;
    k->needs.bits[need >> 6] |= UINT64_C(1) << (need & 63);
    k->needs.epoch++;
}

/* --- Values ----------------------------------------------------------------------------------- */

struct known_key known_key_of(const struct waf_known *k, uint32_t epoch, unsigned source,
                              slice value)
{
    struct known_key key = { epoch, source, { 0 } };
    ASSERT(value.len <= KNOWN_BYTES_MAX);
    siphash128(&k->secret, value.ptr, value.len, key.hash);
    return key;
}

static bool is_same(const struct known_key *a, const struct known_key *b)
{
    return a->hash[0] == b->hash[0] && a->hash[1] == b->hash[1] && a->source == b->source &&
           a->epoch == b->epoch;
}

static struct entry *set_of(struct waf_known *k, const struct known_key *key)
{
    return k->sets[(key->hash[0] + key->source) % KNOWN_SETS];
}

static struct entry *find(struct waf_known *k, const struct known_key *key)
{
    struct entry *set = set_of(k, key);
    for (unsigned i = 0; i < KNOWN_WAYS; i++)
        if (is_same(&set[i].key, key))
            return &set[i];
    return NULL;
}

/* Whether the key was seen lately; from now on it was. */
static bool was_sighted(struct waf_known *k, const struct known_key *key)
{
    uint32_t *sighting = &k->sightings[key->hash[1] % KNOWN_SIGHTINGS];
    uint32_t mark = (uint32_t)(key->hash[1] >> 32) ^ key->source;
    bool was = *sighting == mark;
    *sighting = mark;
    return was;
}

const struct known_facts *known_find(struct waf_known *k, const struct known_key *key,
                                     bool *ret_comes_again)
{
    struct entry *e = find(k, key);
    k->questions++;
    *ret_comes_again = !e && was_sighted(k, key);
    if (!e)
        return NULL;
    e->asked_at = k->questions;
    return &e->facts;
}

static struct entry *make_room(struct waf_known *k, const struct known_key *key)
{
    struct entry *set = set_of(k, key), *oldest = &set[0];
    for (unsigned i = 0; i < KNOWN_WAYS; i++) {
        if (set[i].key.epoch != k->needs.epoch) /* free, or void */
            return &set[i];
        if (k->questions - set[i].asked_at > k->questions - oldest->asked_at)
            oldest = &set[i];
    }
    return oldest;
}

void known_put(struct waf_known *k, const struct known_key *key, const struct known_facts *facts)
{
    if (key->epoch != k->needs.epoch)
        return;
    struct entry *e = find(k, key);
    if (!e)
        e = make_room(k, key);
    *e = (struct entry){ .key = *key, .asked_at = k->questions, .facts = *facts };
}

/* --- Facts ------------------------------------------------------------------------------------ */

static bool has_pair(const struct known_facts *f, uint32_t node, uint32_t need)
{
    for (unsigned i = 0; i < f->count; i++)
        if (f->pairs[i].node == node && f->pairs[i].need == need)
            return true;
    return false;
}

bool known_rules_out(const struct known_facts *f, uint32_t node, uint32_t need)
{
    if (!known_has_node(f, node))
        return false;
    bool is_as_raw = f->as_raw >> node & 1;
    return !has_pair(f, is_as_raw ? 0 : node, need);
}

uint64_t known_settled(const struct known_facts *f)
{
    uint64_t with_pairs = 0;
    for (unsigned i = 0; i < f->count; i++)
        with_pairs |= UINT64_C(1) << f->pairs[i].node;
    return f->nodes & ~with_pairs;
}

void known_drop_pair(struct known_facts *f, uint32_t node, uint32_t need)
{
    for (unsigned i = 0; i < f->count; i++)
        if (f->pairs[i].node == node && f->pairs[i].need == need) {
            f->pairs[i] = f->pairs[--f->count];
            return;
        }
}
