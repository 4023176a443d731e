/* The values that rules look at, and what transformations make of them.
 *
 * A source is a variable that was filled from request or response: ARGS_GET, REQUEST_HEADERS …
 * (ARGS is two sources). It has items: name and value. What a node of the tree of transformations
 * makes of a value is a copy; it is made when the first rule asks, kept, and shared as long as
 * nothing changes: most values come out of most chains as they went in, which the classes of bytes
 * of the raw value tell without looking. Each distinct copy goes through the prefilter once,
 * whichever rules ask for it; the union over a source tells of most rules that none of its values
 * can match. */
#pragma once

#include "waf/engine/known.h"
#include "waf/engine/plan.h"
#include "waf/patterns/prefilter.h"

enum source_id {
    SOURCE_XML_TEXT = VARIABLE_XML_DOCUMENT,
    SOURCE_XML_VALUES = VARIABLE_COUNT,
    SOURCE_XML_PARTS,
    SOURCE_FREE_FIELDS, /* free_fields.c: said to be of REQUEST_HEADERS, looked at as arguments are
                         */
    SOURCE_COUNT
};

enum { NODE_UNKNOWN, NODE_RAW, NODE_COPIES, NODE_PLACES_MAX = 255 };

struct copy {
    slice bytes;
    struct prefilter_classes classes;
    bool has_classes;
    unsigned char place;  /* of this copy in item.nodes; NODE_UNKNOWN: it has none */
    uint64_t *candidates; /* a bit for each need; NULL: not asked yet */

    /* What it was made of, by what: another node that does the same shares it. */
    struct copy *next_made;
    const struct copy *from;
    const struct transform *by;
};

struct decoded_from {
    slice encoded; /* the value as it came; without ptr: nothing was decoded */
    slice member;  /* of JSON in it: json.a.b; of the query of a URL: its argument; else empty */
};

/* What is known of an item's value, or is to be learnt of it: recall.c. */
struct recollection {
    struct recollection *next;
    struct item *item;
    struct known_key key;
    struct known_facts facts;
    bool is_news; /* something was found out that is not in `facts`, or not kept yet */
};

struct item {
    slice name;
    struct copy raw;
    uint64_t changes; /* transformations that may make something else of the raw value, with bits of
                         the plan; has_changes: they are known */
    uint64_t worthy;  /* of these, what may make something of it that a rule can match */
    bool has_changes;
    bool is_recalled; /* `known` says whether something is known */
    bool is_echo;     /* says again what an earlier item of its source says: looked at only where
                         that one did not match, and not counted */
    unsigned char *nodes; /* by node: NODE_UNKNOWN, NODE_RAW, or the place of a copy. A byte, since
                             there are many nodes and few copies. NULL: none yet */
    struct copy *made;    /* all copies but the raw one, newest first */
    struct recollection *known; /* NULL: it has not come twice, or nobody keeps anything */
    const struct decoded_from
        *from; /* whose part the value is, or out of whose Base64; NULL: as it came */
};

struct source {
    struct item *first;     /* FIRST_ITEMS of them: most sources have no more */
    struct item **segments; /* of SEGMENT_ITEMS each: what stands in one stays where it is */
    unsigned count, segment_room;
    unsigned classified; /* items that are in what follows */
    uint64_t *worthies;  /* of each, side by side for those who look through all */
    unsigned worthies_room;
    uint64_t worthy;          /* of all of them */
    uint64_t unsettled;       /* nodes where what is known of some items says more than of the raw
                                 value, or nothing */
    bool is_filled;           /* collect.c has looked */
    bool has_known;           /* some items are: of nodes behind the first ones nothing is known */
    unsigned taken;           /* items of the source whose names these are */
    slice array;              /* the last array of JSON that was among them */
    uint64_t *raw_candidates; /* of all raw values */
    uint64_t **node_candidates; /* by node; NULL: not asked yet */
};

struct waf_transaction;

enum { FIRST_ITEMS = 2, SEGMENT_ITEMS = 8 };

static inline struct item *source_item(const struct source *s, unsigned i)
{
    if (i < FIRST_ITEMS)
        return &s->first[i];
    i -= FIRST_ITEMS;
    return &s->segments[i / SEGMENT_ITEMS][i % SEGMENT_ITEMS];
}

enum { ITEM_LOOK_STEPS = 2, ITEM_STEPS = 16 };

/* Pays for each item of a source, some at a time: before the i-th of `count`.
 * 0 · -errno of `work` */
MUST_CHECK static inline int items_pay(struct work *work, unsigned i, unsigned count,
                                       unsigned steps)
{
    enum { AT_ONCE = 64 };
    if (i % AT_ONCE != 0)
        return 0;
    unsigned left = count - i;
    return work_spend(work, (size_t)(left < AT_ONCE ? left : AT_ONCE) * steps);
}

/* 0 · -ENOMEM · -errno of `work` */
MUST_CHECK int source_add(struct waf_transaction *t, struct source *s, slice name, slice value);

/* What the values of the source, as `node` makes them, may match: a superset. */
MUST_CHECK int source_candidates(struct waf_transaction *t, struct source *s, uint32_t node,
                                 const uint64_t **ret_candidates);

/* The same for all sources of a view. Kept in the transaction for as long as its phase runs. */
MUST_CHECK int view_candidates(struct waf_transaction *t, uint32_t view,
                               const uint64_t **ret_candidates);

MUST_CHECK int item_copy_make(struct waf_transaction *t, struct item *item, uint32_t node,
                              struct copy **ret_copy);

/* Whether a value that these transformations may change may come out of a node as another one. */
static inline bool node_may_change(const struct node_plan *node, uint64_t changes)
{
    return node->transforms & changes;
}

/* What is known of it to come out of the node; NULL: nothing yet. */
static inline struct copy *item_known(struct item *item, uint32_t node)
{
    unsigned place = node == 0 ? NODE_RAW : item->nodes ? item->nodes[node] : NODE_UNKNOWN;
    if (place < NODE_COPIES)
        return place == NODE_RAW ? &item->raw : NULL;
    struct copy *copy = item->made;
    while (copy->place != place)
        copy = copy->next_made;
    return copy;
}

/* What the node makes of the item. 0 · -ENOMEM · -errno of `work` */
MUST_CHECK static inline int item_copy(struct waf_transaction *t, struct item *item, uint32_t node,
                                       struct copy **ret_copy)
{
    *ret_copy = item_known(item, node);
    return *ret_copy ? 0 : item_copy_make(t, item, node, ret_copy);
}

MUST_CHECK int copy_candidates(struct waf_transaction *t, struct copy *copy,
                               const uint64_t **ret_candidates);

static inline bool candidates_have(const uint64_t *candidates, uint32_t need)
{
    return candidates[need >> 6] >> (need & 63) & 1;
}
