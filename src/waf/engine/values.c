#include "waf/engine/values.h"

#include <errno.h>

#include "base/panic.h"
#include "waf/engine/transaction.h"
#include "waf/transforms/transform.h"

enum { SEGMENTS_AT_FIRST = 4, BATCH_MAX = 64 };

/* So many items are looked at behind all nodes before the next: the processor keeps them at hand.
 */
enum { WALK_ITEMS = 128 };

/* Among the worthies of a source, which are transformations: what is known of this item tells. */
#define IS_KNOWN (UINT64_C(1) << PLAN_TRANSFORMS_MAX)

/* What a copy, and a value of a batch, cost beside their bytes. */
enum { COPY_STEPS = 48, SCAN_STEPS = 48 };

/* A look at an item and what has been made of it, which the nearest cache may not hold. */
enum { FAR_ITEM_STEPS = 32 };

/* Room for a segment more, behind the first items. */
static int source_grow(struct waf_transaction *t, struct source *s)
{
    unsigned segment = (s->count - FIRST_ITEMS) / SEGMENT_ITEMS;
    if (segment == s->segment_room) {
        unsigned room = segment ? segment * 2 : SEGMENTS_AT_FIRST;
        struct item **segments = arena_take_bytes(t->arena, room * sizeof(*segments));
        if (!segments)
            return -ENOMEM;
        TRY(work_spend(t->work, segment));
        if (segment)
            memcpy(segments, s->segments, segment * sizeof(*segments));
        s->segments = segments;
        s->segment_room = room;
    }
    s->segments[segment] = arena_take_bytes(t->arena, SEGMENT_ITEMS * sizeof(struct item));
    return s->segments[segment] ? 0 : -ENOMEM;
}

int source_add(struct waf_transaction *t, struct source *s, slice name, slice value)
{
    if (!s->first)
        s->first = arena_take_bytes(t->arena, FIRST_ITEMS * sizeof(struct item));
    if (!s->first)
        return -ENOMEM;
    if (s->count >= FIRST_ITEMS && (s->count - FIRST_ITEMS) % SEGMENT_ITEMS == 0)
        TRY(source_grow(t, s));
    struct item *item = source_item(s, s->count++);
    *item = (struct item){ .name = name, .raw = { .bytes = value } };
    return 0;
}

static int classes_find(struct waf_transaction *t, struct copy *copy)
{
    const struct prefilter *p = t->rules->prefilter;
    if (copy->has_classes)
        return 0;
    copy->has_classes = true;
    for (size_t at = 0; p && at < copy->bytes.len; at += WORK_BLOCK) {
        slice block = slice_first(slice_after(copy->bytes, at), WORK_BLOCK);
        TRY(work_spend(t->work, block.len));
        struct prefilter_classes c = prefilter_classes(p, block);
        copy->classes.bits[0] |= c.bits[0];
        copy->classes.bits[1] |= c.bits[1];
    }
    return 0;
}

static bool step_may_change(const struct transform_node *n, struct prefilter_classes classes)
{
    return n->triggers == PREFILTER_NO_CLASS || prefilter_has_class(classes, n->triggers);
}

/* Whether the transformation, which the value's bytes trigger, may change it: a glance. */
static int change_find(struct waf_transaction *t, struct item *item, unsigned bit)
{
    const struct transform_plan *p = &t->plan->transforms[bit];
    slice raw = item->raw.bytes;
    if (p->transform->may_change && raw.len <= WORK_BLOCK) {
        TRY(work_spend(t->work, raw.len / 4));
        if (!p->transform->may_change(raw))
            return 0;
    }
    item->changes |= UINT64_C(1) << bit;
    if (!p->transform->longest || p->transform->longest(raw, p->len_min) >= p->len_min)
        item->worthy |= UINT64_C(1) << bit;
    return 0;
}

static uint64_t triggered(const struct plan *p, struct prefilter_classes classes)
{
    uint64_t transforms = p->untriggered;
    for (unsigned i = 0; i < p->trigger_count; i++)
        if (prefilter_has_class(classes, p->triggers[i].class))
            transforms |= p->triggers[i].transforms;
    return transforms;
}

static int changes_find(struct waf_transaction *t, struct item *item)
{
    if (item->has_changes)
        return 0;
    TRY(classes_find(t, &item->raw));
    TRY(work_spend(t->work, t->plan->transform_count));
    for (uint64_t bits = triggered(t->plan, item->raw.classes); bits; bits &= bits - 1)
        TRY(change_find(t, item, (unsigned)__builtin_ctzll(bits)));
    item->has_changes = true;
    return 0;
}

static unsigned char place_of(const struct item *item, const struct copy *copy)
{
    return copy == &item->raw ? NODE_RAW : copy->place;
}

static int copy_make(struct waf_transaction *t, struct item *item, struct copy *from,
                     const struct transform_node *n, struct copy **ret)
{
    slice out;
    for (struct copy *made = item->made; made; made = made->next_made)
        if (made->from == from && made->by == n->transform) {
            *ret = made;
            return 0;
        }
    TRY(transform_apply(n->transform, from->bytes, t->rules->directives.unicode_map, t->arena,
                        t->work, &out));
    *ret = from;
    if (out.ptr == from->bytes.ptr && out.len == from->bytes.len)
        return 0;
    int same = from == &item->raw ? 0 : transform_is_same(out, item->raw.bytes, t->work);
    if (same < 0)
        return same;
    if (same) {
        *ret = &item->raw;
        return 0;
    }
    TRY(work_spend(t->work, COPY_STEPS));
    struct copy *copy = arena_take(t->arena, sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    unsigned place = item->made ? item->made->place : NODE_RAW;
    bool has_place = place != NODE_UNKNOWN && place < NODE_PLACES_MAX;
    *copy = (struct copy){ .bytes = out,
                           .place = (unsigned char)(has_place ? place + 1 : NODE_UNKNOWN),
                           .next_made = item->made,
                           .from = from,
                           .by = n->transform };
    item->made = copy;
    t->counts.copies++;
    t->counts.bytes += out.len;
    *ret = copy;
    return 0;
}

int item_copy_make(struct waf_transaction *t, struct item *item, uint32_t node,
                   struct copy **ret_copy)
{
    *ret_copy = &item->raw;
    TRY(changes_find(t, item));
    if (!node_may_change(&t->plan->nodes[node], item->changes))
        return 0;
    if (!item->nodes) {
        TRY(work_spend(t->work, t->rules->node_count));
        item->nodes = arena_take(t->arena, t->rules->node_count);
        if (!item->nodes)
            return -ENOMEM;
        item->nodes[0] = NODE_RAW;
    }
    uint32_t chain[WAF_TRANSFORMS_MAX] UNINITIALIZED;
    unsigned steps = 0;
    for (; !item->nodes[node]; node = t->rules->nodes[node].parent) {
        ASSERT(steps < WAF_TRANSFORMS_MAX);
        chain[steps++] = node;
    }
    struct copy *copy = item_known(item, node);
    while (steps > 0) {
        uint32_t next = chain[--steps];
        const struct transform_node *n = &t->rules->nodes[next];
        TRY(classes_find(t, copy));
        if (step_may_change(n, copy->classes))
            TRY(copy_make(t, item, copy, n, &copy));
        item->nodes[next] = place_of(item, copy);
    }
    *ret_copy = copy;
    return 0;
}

int copy_candidates(struct waf_transaction *t, struct copy *copy, const uint64_t **ret)
{
    if (!copy->candidates) {
        uint64_t *set = arena_take_array(t->arena, t->plan->candidate_words, sizeof(*set));
        if (!set)
            return -ENOMEM;
        TRY(classes_find(t, copy));
        TRY(prefilter_scan(t->rules->prefilter, copy->bytes, copy->classes, set, t->work));
        copy->candidates = set;
    }
    *ret = copy->candidates;
    return 0;
}

static void unite(const struct waf_transaction *t, uint64_t *into, const uint64_t *set)
{
    for (unsigned i = 0; i < t->plan->candidate_words; i++)
        into[i] |= set[i];
}

/* Copies whose candidates are asked for together, and united. */
struct batch {
    uint64_t *all;
    struct prefilter_value values[BATCH_MAX];
    struct copy *copies[BATCH_MAX];
    unsigned count;
};

static void batch_open(struct batch *b, uint64_t *all)
{
    b->all = all;
    b->count = 0;
}

static int batch_scan(struct waf_transaction *t, struct batch *b)
{
    TRY(prefilter_scan_all(t->rules->prefilter, b->values, b->count, t->work));
    for (unsigned i = 0; i < b->count; i++) {
        b->copies[i]->candidates = b->values[i].candidates;
        unite(t, b->all, b->values[i].candidates);
    }
    b->count = 0;
    return 0;
}

static int batch_add(struct waf_transaction *t, struct batch *b, struct copy *copy)
{
    if (copy->candidates) {
        unite(t, b->all, copy->candidates);
        return 0;
    }
    if (b->count == BATCH_MAX)
        TRY(batch_scan(t, b));
    TRY(work_spend(t->work, SCAN_STEPS + 2 * t->plan->candidate_words));
    uint64_t *set = arena_take_array(t->arena, t->plan->candidate_words, sizeof(*set));
    if (!set)
        return -ENOMEM;
    TRY(classes_find(t, copy));
    b->copies[b->count] = copy;
    b->values[b->count++] = (struct prefilter_value){ copy->bytes, copy->classes, set };
    return 0;
}

static int worthies_reserve(struct waf_transaction *t, struct source *s)
{
    if (s->count <= s->worthies_room)
        return 0;
    uint64_t *worthies = arena_take_bytes(t->arena, s->count * sizeof(*worthies));
    if (!worthies)
        return -ENOMEM;
    if (s->classified)
        memcpy(worthies, s->worthies, s->classified * sizeof(*worthies));
    s->worthies = worthies;
    s->worthies_room = s->count;
    return 0;
}

/* The classes and candidates of a raw value; of one that is known, what is known. */
static int item_classify(struct waf_transaction *t, struct source *s, struct batch *batch,
                         unsigned index)
{
    struct item *item = source_item(s, index);
    TRY(item_recall_once(t, s, index, item));
    if (item->known && known_has_node(&item->known->facts, 0)) {
        recall_unite(t, &item->known->facts, 0, batch->all);
        s->worthies[index] = IS_KNOWN;
        s->unsettled |= ~known_settled(&item->known->facts);
        s->has_known = true;
        return 0;
    }
    TRY(batch_add(t, batch, &item->raw));
    TRY(changes_find(t, item));
    s->worthies[index] = item->worthy;
    s->worthy |= item->worthy;
    return 0;
}

/* The candidates of all raw values. */
static int source_scan(struct waf_transaction *t, struct source *s)
{
    if (!s->raw_candidates)
        s->raw_candidates =
            arena_take_array(t->arena, t->plan->candidate_words, sizeof(*s->raw_candidates));
    if (!s->raw_candidates)
        return -ENOMEM;
    if (s->node_candidates)
        memset(s->node_candidates, 0, t->rules->node_count * sizeof(uint64_t *));
    TRY(worthies_reserve(t, s));
    struct batch batch UNINITIALIZED;
    batch_open(&batch, s->raw_candidates);
    for (; s->classified < s->count; s->classified++)
        TRY(item_classify(t, s, &batch, s->classified));
    return batch_scan(t, &batch);
}

/* Whether two nodes are known to make the same of the item. */
static bool is_same_at(const struct item *item, uint32_t node, uint32_t other)
{
    unsigned place = item->nodes ? item->nodes[node] : NODE_UNKNOWN;
    return place != NODE_UNKNOWN && place == item->nodes[other];
}

/* item_copy, for many: mostly the step before left a value in which this one finds nothing to do.
 */
static int copy_quickly(struct waf_transaction *t, struct item *item, uint32_t node,
                        struct copy **ret)
{
    const struct transform_node *n = &t->rules->nodes[node];
    if (item->nodes && !item->nodes[node]) {
        const struct copy *before = item_known(item, n->parent);
        if (before && before->has_classes && !step_may_change(n, before->classes))
            item->nodes[node] = place_of(item, before);
    }
    return item_copy(t, item, node, ret);
}

/* Whether what the node makes of the item, and all that is made of that, is too short for whoever
 * looks at it. */
static int is_too_short(struct waf_transaction *t, struct item *item, uint32_t node, bool *ret)
{
    const struct node_plan *plan = &t->plan->nodes[node];
    *ret = plan->never_grows && item->raw.bytes.len < plan->len_min;
    if (*ret || !plan->decoder || plan->len_min == 0)
        return 0;
    const struct transform_node *decoder = &t->rules->nodes[plan->decoder];
    struct copy *before;
    TRY(item_copy(t, item, decoder->parent, &before));
    TRY(work_spend(t->work, 1));
    *ret = decoder->transform->longest(before->bytes, plan->len_min) < plan->len_min;
    return 0;
}

/* Whether the item adds nothing to what its node may match: the raw values are in it. What is known
 * of the item is added at once. */
static bool is_passed_over(const struct waf_transaction *t, const struct item *item,
                           uint64_t worthy, uint32_t node, const struct node_plan *plan,
                           uint64_t *all)
{
    if (!(worthy & IS_KNOWN))
        return !node_may_change(plan, worthy);
    if (!known_has_node(&item->known->facts, node))
        return false;
    recall_unite(t, &item->known->facts, node, all);
    return true;
}

/* Adds what some items may match behind the node beyond what they may behind the one above. */
static int items_unite(struct waf_transaction *t, struct source *s, uint32_t node, uint32_t above,
                       unsigned from, unsigned to, uint64_t *all)
{
    const struct node_plan *plan = &t->plan->nodes[node];
    struct batch batch UNINITIALIZED;
    batch_open(&batch, all);
    for (unsigned i = from; i < to; i++) {
        struct item *item = source_item(s, i);
        struct copy *copy;
        bool is_short;
        TRY(items_pay(t->work, i, to, ITEM_LOOK_STEPS));
        if (is_passed_over(t, item, s->worthies[i], node, plan, all))
            continue;
        TRY(work_spend(t->work, FAR_ITEM_STEPS));
        if (item->known)
            item->known->is_news = true;
        TRY(is_too_short(t, item, node, &is_short));
        if (is_short) {
            if (item->known)
                known_add_node(&item->known->facts, node);
            continue;
        }
        TRY(copy_quickly(t, item, node, &copy));
        if (copy == &item->raw || (!item->known && is_same_at(item, node, above)))
            continue;
        TRY(batch_add(t, &batch, copy));
    }
    return batch_scan(t, &batch);
}

/* Whether some value may come out of the node as one that matches what no raw value matches. */
static bool source_may_change(const struct waf_transaction *t, const struct source *s,
                              uint32_t node)
{
    if (node == 0)
        return false;
    bool is_unsettled = node < KNOWN_NODES_MAX ? s->unsettled >> node & 1 : s->has_known;
    return is_unsettled || node_may_change(&t->plan->nodes[node], s->worthy);
}

/* Nodes for which a source's unions are made together. */
struct walk {
    uint32_t nodes[KNOWN_NODES_MAX], above[KNOWN_NODES_MAX];
    uint64_t *all[KNOWN_NODES_MAX];
    unsigned count;
    uint64_t set; /* of the nodes */
};

/* The nearest node above whose union is known, or will be when this one's is: what a node leaves as
 * that one made it is in it already. */
static uint32_t known_above(const struct waf_transaction *t, const struct source *s,
                            const struct walk *w, uint32_t node)
{
    bool is_known;
    do {
        node = t->rules->nodes[node].parent;
        is_known = s->node_candidates[node] || (node < KNOWN_NODES_MAX && w->set >> node & 1);
    } while (node != 0 && !is_known);
    return node;
}

/* To be called in the order of nodes: each stands behind the one above it. */
static int walk_add(struct waf_transaction *t, const struct source *s, struct walk *w,
                    uint32_t node)
{
    uint64_t *all = arena_take_array(t->arena, t->plan->candidate_words, sizeof(*all));
    if (!all)
        return -ENOMEM;
    w->nodes[w->count] = node;
    w->above[w->count] = known_above(t, s, w, node);
    w->all[w->count++] = all;
    if (node < KNOWN_NODES_MAX)
        w->set |= UINT64_C(1) << node;
    return 0;
}

/* All nodes for some items, then for the next: node by node, many items would come from memory each
 * time. */
static int walk_run(struct waf_transaction *t, struct source *s, const struct walk *w)
{
    for (unsigned from = 0; from < s->count; from += WALK_ITEMS) {
        unsigned to = s->count - from < WALK_ITEMS ? s->count : from + WALK_ITEMS;
        for (unsigned i = 0; i < w->count; i++)
            TRY(items_unite(t, s, w->nodes[i], w->above[i], from, to, w->all[i]));
    }
    for (unsigned i = 0; i < w->count; i++) {
        uint32_t above = w->above[i];
        unite(t, w->all[i], above ? s->node_candidates[above] : s->raw_candidates);
        s->node_candidates[w->nodes[i]] = w->all[i];
    }
    return 0;
}

/* The nodes behind which the unions are made when that of one is asked for: of many items all
 * that rules will ask for. */
static uint64_t nodes_wanted(const struct waf_transaction *t, const struct source *s, uint32_t node)
{
    const struct source_plan *plan = s->count > WALK_ITEMS ? source_plan_of(t, s) : NULL;
    uint64_t wanted = 0;
    for (uint64_t bits = plan ? plan->nodes : 0; bits; bits &= bits - 1) {
        uint32_t other = (uint32_t)__builtin_ctzll(bits);
        if (!s->node_candidates[other] && source_may_change(t, s, other))
            wanted |= bits & -bits;
    }
    return wanted | UINT64_C(1) << node;
}

static int node_unite(struct waf_transaction *t, struct source *s, uint32_t node)
{
    struct walk w UNINITIALIZED;
    w.count = 0;
    w.set = 0;
    if (node >= KNOWN_NODES_MAX)
        TRY(walk_add(t, s, &w, node));
    else
        for (uint64_t bits = nodes_wanted(t, s, node); bits; bits &= bits - 1)
            TRY(walk_add(t, s, &w, (uint32_t)__builtin_ctzll(bits)));
    return walk_run(t, s, &w);
}

static int node_candidates(struct waf_transaction *t, struct source *s, uint32_t node,
                           const uint64_t **ret)
{
    if (!s->node_candidates)
        s->node_candidates =
            arena_take_array(t->arena, t->rules->node_count, sizeof(*s->node_candidates));
    if (!s->node_candidates)
        return -ENOMEM;
    if (!s->node_candidates[node])
        TRY(node_unite(t, s, node));
    *ret = s->node_candidates[node];
    return 0;
}

int source_candidates(struct waf_transaction *t, struct source *s, uint32_t node,
                      const uint64_t **ret)
{
    if (!s->raw_candidates || s->classified < s->count)
        TRY(source_scan(t, s));
    *ret = s->raw_candidates;
    return source_may_change(t, s, node) ? node_candidates(t, s, node, ret) : 0;
}

/* A set of its own only where several sources have something to say. */
static int view_unite(struct waf_transaction *t, const struct view_plan *v, const uint64_t **ret)
{
    uint64_t *all = NULL;
    *ret = t->plan->no_candidates;
    for (unsigned i = 0; i < v->count; i++) {
        struct source *source = source_of(t, v->sources[i]);
        const uint64_t *set;
        if (!source->is_filled)
            TRY(collect_source(t, v->sources[i]));
        if (source->count == 0)
            continue;
        TRY(source_candidates(t, source, v->node, &set));
        if (*ret == t->plan->no_candidates) {
            *ret = set;
            continue;
        }
        if (!all) {
            all = arena_take_array(t->arena, t->plan->candidate_words, sizeof(*all));
            if (!all)
                return -ENOMEM;
            unite(t, all, *ret);
            *ret = all;
        }
        unite(t, all, set);
    }
    return 0;
}

int view_candidates(struct waf_transaction *t, uint32_t view, const uint64_t **ret)
{
    if (!t->views[view])
        TRY(view_unite(t, &t->plan->views[view], &t->views[view]));
    *ret = t->views[view];
    return 0;
}
