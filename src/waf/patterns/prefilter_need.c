#include "waf/patterns/prefilter_need.h"

#include "waf/patterns/compiled.h"
#include "waf/patterns/rarity.h"

/* Literals so rare that no condition makes them better, and so frequent that they are of no use. */
static const double rare_enough = 0.05, too_frequent = 0.6;

struct choice {
    struct literals literals;
    struct byte_set evasions;
    double probability;
};

/* Literals that hold for values with none of the sets that are in use. */
static int try_without(const struct node *root, const struct byte_set *sets, uint32_t used,
                       struct arena *arena, struct choice *ret)
{
    *ret = (struct choice){ .probability = 1 };
    for (unsigned i = 0; i < LITERAL_EVASIONS_MAX; i++)
        if (used >> i & 1)
            byte_set_unite(&ret->evasions, &sets[i]);
    TRY(literals_find(root, &ret->evasions, arena, &ret->literals));
    double evaded = rarity_of_set(&ret->evasions);
    ret->probability = evaded + (1 - evaded) * literals_probability(&ret->literals);
    return 0;
}

/* All bytes of evasion first; then, from the most frequent on, those are let go that are not
 * needed. */
static int find_condition(const struct node *root, struct arena *arena, struct choice *best)
{
    struct byte_set sets[LITERAL_EVASIONS_MAX];
    struct choice all, fewer;
    unsigned count = literals_evasions(root, sets);
    uint32_t used = (1u << count) - 1;
    if (count == 0)
        return 0;
    TRY(try_without(root, sets, used, arena, &all));
    if (all.literals.count == 0 && !all.literals.never)
        return 0;
    for (unsigned i = count; i-- > 0;) {
        TRY(try_without(root, sets, used & ~(1u << i), arena, &fewer));
        if (fewer.probability <= all.probability) {
            all = fewer;
            used &= ~(1u << i);
        }
    }
    if (used && all.probability < best->probability * 0.7)
        *best = all;
    return 0;
}

static int find_literals(const struct node *root, struct arena *arena, struct choice *ret)
{
    const struct byte_set none = { 0 };
    TRY(literals_find(root, &none, arena, &ret->literals));
    ret->probability = literals_probability(&ret->literals);
    return ret->probability > rare_enough ? find_condition(root, arena, ret) : 0;
}

int need_facts_find(const struct pattern *pattern, struct arena *arena,
                    struct need_facts *ret_facts)
{
    struct node *root;
    struct choice best = { .probability = 1 };
    struct need_facts facts = { .kind = NEED_ALWAYS };
    TRY(pattern_tree(pattern, arena, &root));
    facts.len_min = node_length_min(root);
    guards_find(root, &facts.guards);
    /* Without room for literals guards have to do. */
    if (find_literals(root, arena, &best) != 0)
        best = (struct choice){ .probability = 1 };
    double guarded = facts.guards.count ? rarity_of_set(&facts.guards.sets[0]) : 1;
    if (best.probability > too_frequent && guarded <= best.probability)
        facts.kind = facts.guards.count ? NEED_GUARDED : NEED_ALWAYS;
    else if (byte_set_count(&best.evasions))
        facts.kind = NEED_CONDITIONAL;
    else
        facts.kind = NEED_LITERALS;
    if (facts.kind == NEED_LITERALS || facts.kind == NEED_CONDITIONAL) {
        facts.literals = best.literals;
        facts.evasions = best.evasions;
    }
    *ret_facts = facts;
    return 0;
}
