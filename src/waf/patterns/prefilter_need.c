#include "waf/patterns/prefilter_need.h"

#include "waf/patterns/compiled.h"
#include "waf/patterns/rarity.h"

/* Literals so rare that no condition makes them better, and so frequent that they are of no use. */
static const double rare_enough = 0.01, too_frequent = 0.6;

struct choice {
    struct literals literals;
    struct byte_set evasions;
    double probability;
};

/* Literals that hold for values without the bytes that the pattern allows between others. */
static int try_condition(const struct node *root, double rarest, struct arena *arena,
                         struct choice *best)
{
    struct choice each;
    literals_evasions(root, rarest, &each.evasions);
    if (byte_set_count(&each.evasions) == 0)
        return 0;
    TRY(literals_find(root, &each.evasions, arena, &each.literals));
    double evaded = rarity_of_set(&each.evasions);
    each.probability = evaded + (1 - evaded) * literals_probability(&each.literals);
    if (each.probability < best->probability * 0.7)
        *best = each;
    return 0;
}

int need_facts_find(const struct pattern *pattern, struct arena *arena,
                    struct need_facts *ret_facts)
{
    static const double rarest[] = { 0.02, 0.08, 0.3 };
    const struct byte_set none = { 0 };
    struct node *root;
    struct choice best = { .probability = 1 };
    struct need_facts facts = { .kind = NEED_ALWAYS };
    TRY(pattern_tree(pattern, arena, &root));
    facts.len_min = node_length_min(root);
    guards_find(root, &facts.guards);
    TRY(literals_find(root, &none, arena, &best.literals));
    best.probability = literals_probability(&best.literals);
    for (size_t i = 0; i < ARRAY_LENGTH(rarest) && best.probability > rare_enough; i++)
        TRY(try_condition(root, rarest[i], arena, &best));
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
