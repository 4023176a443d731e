/* What is known of values that come again, in a transaction: it is recalled when an item is first
 * looked at, and what the rules of a phase found out is kept at the phase's end. */
#include <errno.h>

#include "waf/engine/transaction.h"

enum { RECALL_STEPS = 16, ITEMS_MAX = 64, NEED_BITS = 64 };

int item_recall(struct waf_transaction *t, struct source *s, unsigned index, struct item *item)
{
    slice value = item->raw.bytes;
    item->is_recalled = true;
    if (!t->known || index >= ITEMS_MAX || value.len > KNOWN_BYTES_MAX || !source_plan_of(t, s))
        return 0;
    TRY(work_spend(t->work, RECALL_STEPS + value.len / 8));
    struct known_key key =
        known_key_of(t->known, t->needs.epoch, (unsigned)(s - t->sources), value);
    bool comes_again;
    const struct known_facts *facts = known_find(t->known, &key, &comes_again);
    if (!facts && !comes_again)
        return 0;
    struct recollection *r = arena_take_bytes(t->arena, sizeof(*r));
    if (!r)
        return -ENOMEM;
    *r = (struct recollection){
        .next = t->recollections, .item = item, .key = key, .is_news = !facts
    };
    if (facts)
        r->facts = *facts;
    item->known = t->recollections = r;
    return 0;
}

void recall_unite(const struct waf_transaction *t, const struct known_facts *f, uint32_t node,
                  uint64_t *set)
{
    for (unsigned i = 0; i < t->plan->candidate_words; i++)
        set[i] |= ~t->needs.bits[i];
    for (unsigned i = 0; i < f->count; i++)
        if (f->pairs[i].node == node)
            set[f->pairs[i].need / NEED_BITS] |= UINT64_C(1) << f->pairs[i].need % NEED_BITS;
}

/* --- Learning --------------------------------------------------------------------------------- */

enum finding { NOT_FOUND_OUT, AS_RAW, OWN_CANDIDATES, NO_CANDIDATES };

/* The copy that is known to come out of the node; NULL: it is not known which. */
static const struct copy *copy_at(const struct waf_transaction *t, struct item *item, uint32_t node)
{
    const struct copy *copy = item_known(item, node);
    if (!copy && item->has_changes && !node_may_change(&t->plan->nodes[node], item->changes))
        copy = &item->raw;
    return copy;
}

/* What the phase found out of the node, about a value that went through the prefilter. */
static enum finding find_out(const struct waf_transaction *t, struct item *item, uint32_t node,
                             const uint64_t **ret_candidates)
{
    const struct node_plan *p = &t->plan->nodes[node];
    const struct copy *copy = copy_at(t, item, node);
    *ret_candidates = NULL;
    if (node != 0 && copy == &item->raw)
        return AS_RAW;
    if (copy && copy->candidates) {
        *ret_candidates = copy->candidates;
        return OWN_CANDIDATES;
    }
    if (node != 0 && item->has_changes && !node_may_change(p, item->worthy))
        return AS_RAW;
    return p->never_grows && item->raw.bytes.len < p->len_min ? NO_CANDIDATES : NOT_FOUND_OUT;
}

/* The candidates that count, and that somebody asks for; of the raw value all, since nodes that
 * leave it as it is have no pairs of their own. */
static uint64_t asked_for(const struct waf_transaction *t, const struct source_plan *p,
                          uint32_t node, unsigned word)
{
    const uint64_t *needs = t->plan->nodes[node].needs;
    uint64_t here = node == 0 ? UINT64_MAX : needs ? needs[word] : 0;
    return here & p->needs[word] & t->needs.bits[word];
}

/* False: there are too many. */
static bool add_pairs(const struct waf_transaction *t, const struct source_plan *p, uint32_t node,
                      const uint64_t *candidates, struct known_facts *f)
{
    unsigned count = f->count;
    for (unsigned word = 0; word < t->plan->candidate_words; word++)
        for (uint64_t bits = candidates[word] & asked_for(t, p, node, word); bits;
             bits &= bits - 1) {
            if (count == KNOWN_PAIRS_MAX)
                return false;
            unsigned need = word * NEED_BITS + (unsigned)__builtin_ctzll(bits);
            f->pairs[count++] = (struct known_pair){ (uint16_t)node, (uint16_t)need };
        }
    f->count = count;
    return true;
}

static void learn_node(const struct waf_transaction *t, struct recollection *r, uint32_t node)
{
    const struct source_plan *p = &t->plan->sources[r->key.source];
    const uint64_t bit = UINT64_C(1) << node;
    const uint64_t *candidates;
    switch (find_out(t, r->item, node, &candidates)) {
    case NOT_FOUND_OUT:
        return;
    case AS_RAW:
        if (!(r->facts.nodes & 1))
            return;
        r->facts.as_raw |= bit;
        break;
    case OWN_CANDIDATES:
        if (!add_pairs(t, p, node, candidates, &r->facts))
            return;
        break;
    case NO_CANDIDATES:
        break;
    }
    r->facts.nodes |= bit;
}

static void learn(const struct waf_transaction *t, struct recollection *r)
{
    uint64_t asked = t->plan->sources[r->key.source].nodes | 1;
    for (uint64_t bits = asked & ~r->facts.nodes; bits; bits &= bits - 1)
        learn_node(t, r, (uint32_t)__builtin_ctzll(bits));
    known_put(t->known, &r->key, &r->facts);
    r->is_news = false;
}

void recall_learn(struct waf_transaction *t)
{
    for (struct recollection *r = t->recollections; r; r = r->next)
        if (r->is_news)
            learn(t, r);
}
