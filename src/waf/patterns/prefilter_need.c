#include "waf/patterns/prefilter_need.h"

#include "waf/patterns/compiled.h"
#include "waf/patterns/rarity.h"

/* Literals so rare that no condition makes them better; so frequent that a guard, which costs less,
 * is taken when it is as good; and of no use at all. */
static const double rare_enough = 0.05, guard_worthy = 0.02, too_frequent = 0.95;

/* Which bytes a value must not have for the literals to hold, and how probable it is that an
 * ordinary value has one of them or what is required. */
struct choice {
    struct byte_set evasions;
    double probability;
    bool tells; /* there are literals, or no match at all without evasions */
};

static struct byte_set union_of(const struct byte_set *sets, uint32_t used)
{
    struct byte_set all = { 0 };
    for (unsigned i = 0; i < LITERAL_EVASIONS_MAX; i++)
        if (used >> i & 1)
            byte_set_unite(&all, &sets[i]);
    return all;
}

/* Extraction takes much room for a while: in an arena of its own. */
static int judge(const struct node *root, struct byte_set evasions, struct choice *ret)
{
    OWNS(arena_close) struct arena arena;
    struct literals literals;
    arena_open(&arena, NULL, 0, 1 << 18, NEED_ARENA_BYTES_MAX);
    TRY(literals_find(root, &evasions, &arena, &literals));
    double evaded = rarity_of_set(&evasions);
    *ret = (struct choice){ .evasions = evasions,
                            .probability = evaded + (1 - evaded) * literals_probability(&literals),
                            .tells = literals.count || literals.never };
    return 0;
}

/* All bytes of evasion first; then, from the most frequent on, those are let go that are not
 * needed. */
static int find_condition(const struct node *root, struct choice *best)
{
    struct byte_set sets[LITERAL_EVASIONS_MAX] = { 0 };
    struct choice all, fewer;
    unsigned count = literals_evasions(root, sets);
    uint32_t used = (1u << count) - 1;
    if (count == 0)
        return 0;
    TRY(judge(root, union_of(sets, used), &all));
    for (unsigned i = count; i-- > 0 && all.tells;) {
        TRY(judge(root, union_of(sets, used & ~(1u << i)), &fewer));
        if (fewer.tells && fewer.probability <= all.probability) {
            all = fewer;
            used &= ~(1u << i);
        }
    }
    if (used && all.tells && all.probability < best->probability * 0.7)
        *best = all;
    return 0;
}

static int find_choice(const struct node *root, struct choice *ret)
{
    TRY(judge(root, (struct byte_set){ 0 }, ret));
    return ret->probability > rare_enough ? find_condition(root, ret) : 0;
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
    if (find_choice(root, &best) != 0)
        best = (struct choice){ .probability = 1 };
    double guarded = facts.guards.count ? rarity_of_set(&facts.guards.sets[0]) : 1;
    bool is_conditional = byte_set_count(&best.evasions) > 0;
    bool guards_do = best.probability > guard_worthy && guarded <= best.probability;
    if (!best.tells || guards_do || best.probability > too_frequent)
        facts.kind = facts.guards.count ? NEED_GUARDED : NEED_ALWAYS;
    else
        facts.kind = is_conditional ? NEED_CONDITIONAL : NEED_LITERALS;
    if (facts.kind == NEED_LITERALS || facts.kind == NEED_CONDITIONAL) {
        TRY(literals_find(root, &best.evasions, arena, &facts.literals));
        facts.evasions = best.evasions;
    }
    *ret_facts = facts;
    return 0;
}
