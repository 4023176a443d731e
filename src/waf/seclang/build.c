#include "waf/seclang/build.h"

#include <stdio.h>

#include "base/number.h"
#include "waf/nearest.h"
#include "waf/patterns/prefilter.h"
#include "waf/seclang/action.h"
#include "waf/transforms/transform.h"

/* The tree of transformations while it grows. */
struct tree {
    struct transform_node *items;
    unsigned count, capacity;
};

/* Copies an array of a draft into the ruleset. */
static int keep(struct seclang *l, const void *items, unsigned count, size_t each, void *ret)
{
    void *copy = NULL;
    if (count) {
        copy = arena_take_array(&l->rules->arena, count, each);
        if (!copy)
            return -ENOMEM;
        memcpy(copy, items, count * each);
    }
    memcpy(ret, &copy, sizeof(copy));
    return 0;
}

/* Notes an error of a rule that was read without one. */
static int build_error(struct seclang *l, const struct draft_rule *d, const char *text)
{
    struct waf_problem p = { .file = d->file, .line = d->line, .column = 1 };
    waf_problem_set(&p, "rule %u: %s", d->id, text);
    return load_problem(l, &p);
}

static int add_node(struct seclang *l, struct tree *tree, uint32_t parent,
                    const struct transform *t, uint32_t *ret_node)
{
    for (uint32_t i = parent + 1; i < tree->count; i++)
        if (tree->items[i].parent == parent && tree->items[i].transform == t) {
            *ret_node = i;
            return 0;
        }
    unsigned triggers = PREFILTER_NO_CLASS;
    if (t && t->triggers) {
        int result = prefilter_add_class(l->prefilter, t->triggers, &triggers);
        if (result == -ENOMEM)
            return result;
        if (result)
            triggers = PREFILTER_NO_CLASS;
    }
    TRY(LIST_FIT(&l->scratch, tree));
    *ret_node = tree->count;
    tree->items[tree->count++] =
        (struct transform_node){ .parent = parent, .transform = t, .triggers = triggers };
    return 0;
}

static int place_chain(struct rule_build *b, struct tree *tree)
{
    struct link *link = b->link;
    uint32_t stages[WAF_TRANSFORMS_MAX + 1] = { 0 };
    for (unsigned i = 0; i < b->chain_count; i++)
        TRY(add_node(b->l, tree, stages[i], b->chain[i], &stages[i + 1]));
    link->node = stages[b->chain_count];
    if (!(link->flags & LINK_MULTI_MATCH))
        return 0;
    link->stage_count = b->chain_count + 1;
    return keep(b->l, stages, link->stage_count, sizeof(stages[0]), &link->stages);
}

/* The need of the link's operator; WAF_NONE when it must always run. */
static int register_need(struct seclang *l, struct prepared *p)
{
    if (p->is_registered)
        return 0;
    p->is_registered = true;
    const struct pattern *pattern = operator_pattern(p->operator, p->made);
    const struct phrases *phrases = operator_phrases(p->operator, p->made);
    struct byte_set required;
    int result = 0;
    if (pattern)
        result = prefilter_add_pattern(l->prefilter, pattern, &p->need);
    else if (phrases)
        result = prefilter_add_phrases(l->prefilter, phrases, &p->need);
    else if (operator_required(p->operator, p->made, &required))
        result = prefilter_add_bytes(l->prefilter, &required, &p->need);
    if (result == -E2BIG)
        p->need = WAF_NONE;
    return result == -E2BIG ? 0 : result;
}

static int apply(struct rule_build *b, const struct actions *actions, bool is_head)
{
    for (unsigned i = 0; actions && i < actions->count; i++) {
        const struct action *a = &actions->items[i];
        bool is_transform = strcmp(a->row->name, "t") == 0;
        if (!a->row->apply || (!is_head && !is_transform && actions == b->draft->defaults))
            continue;
        if (is_transform && a->transform && b->chain_count == WAF_TRANSFORMS_MAX)
            return build_error(b->l, b->draft, "more than 32 transformations");
        TRY(a->row->apply(b, a));
    }
    return 0;
}

static int build_link(struct rule_build *b, unsigned index, struct tree *tree)
{
    const struct draft_link *d = &b->draft->links.items[index];
    struct link *link = b->link = &b->rule->links[index];
    struct seclang *l = b->l;
    b->chain_count = b->sets.count = b->ctls.count = b->initcols.count = 0;
    *link = (struct link){ .need = WAF_NONE, .line = d->line, .argument = d->argument };
    TRY(apply(b, b->draft->defaults, index == 0));
    TRY(apply(b, &d->actions, index == 0));
    if (index == 0)
        TRY(apply(b, &b->draft->updates, true));
    TRY(place_chain(b, tree));
    TRY(keep(l, b->sets.items, b->sets.count, sizeof(*b->sets.items), &link->sets));
    TRY(keep(l, b->ctls.items, b->ctls.count, sizeof(*b->ctls.items), &link->ctls));
    TRY(keep(l, b->initcols.items, b->initcols.count, sizeof(*b->initcols.items), &link->initcols));
    TRY(keep(l, d->targets.items, d->targets.count, sizeof(*d->targets.items), &link->targets));
    link->set_count = b->sets.count;
    link->ctl_count = b->ctls.count;
    link->initcol_count = b->initcols.count;
    link->target_count = d->targets.count;
    if (!d->prepared) {
        link->flags |= LINK_ALWAYS;
        return 0;
    }
    link->operator= d->prepared->operator;
    link->prepared = d->prepared->made;
    if (d->is_negated) {
        link->flags |= LINK_NEGATED;
        return 0;
    }
    TRY(register_need(l, d->prepared));
    link->need = d->prepared->need;
    return 0;
}

/* The status that goes with what the rule does. */
static void settle_status(struct rule *rule)
{
    bool is_redirect = rule->status >= 301 && rule->status <= 308 && rule->status != 304;
    if (rule->disruption == DISRUPT_REDIRECT && !is_redirect)
        rule->status = 302;
    else if (!rule->status)
        rule->status = 403;
}

static int build_rule(struct rule_build *b, struct tree *tree)
{
    struct draft_rule *d = b->draft;
    struct rule *rule = b->rule;
    rule->id = d->id;
    rule->phase = d->phase;
    rule->severity = SEVERITY_NONE;
    rule->flags = RULE_LOG | RULE_AUDIT_LOG;
    rule->disruption = DISRUPT_PASS;
    rule->file = d->file;
    rule->line = d->line;
    rule->skip_to = WAF_NONE;
    rule->links = arena_take_array(&b->l->rules->arena, d->links.count, sizeof(*rule->links));
    if (!rule->links)
        return -ENOMEM;
    rule->link_count = d->links.count;
    b->tags.count = 0;
    for (unsigned i = 0; i < d->links.count; i++)
        TRY(build_link(b, i, tree));
    settle_status(rule);
    rule->tag_count = b->tags.count;
    return keep(b->l, b->tags.items, b->tags.count, sizeof(*b->tags.items), &rule->tags);
}

/* Behind which draft skipAfter goes on; UINT32_MAX when nothing of that name follows. */
static uint32_t find_destination(const struct seclang *l, const struct draft_rule *d)
{
    for (unsigned i = 0; i < l->markers.count; i++)
        if (l->markers.items[i].order > d->order &&
            slice_equal_fold(l->markers.items[i].name, d->skip_after))
            return l->markers.items[i].order;
    uint64_t number;
    if (number_parse(d->skip_after, UINT32_MAX, &number))
        return UINT32_MAX;
    uint32_t id = (uint32_t)number;
    uint32_t order = names_find(&l->ids, slice_of((const char *)&id, sizeof(id)));
    return order != UINT32_MAX && order > d->order ? order + 1 : UINT32_MAX;
}

/* The marker behind the rule whose name is nearest to what its skipAfter says; len 0: none is near.
 */
static slice suggest_marker(const struct seclang *l, const struct draft_rule *d)
{
    slice found = { 0 };
    struct nearest near = nearest_to(d->skip_after);
    for (unsigned i = 0; i < l->markers.count; i++) {
        char name[NEAREST_LENGTH_MAX + 2]; /* what is longer stays too long */
        slice marker = l->markers.items[i].name;
        if (l->markers.items[i].order <= d->order)
            continue;
        snprintf(name, sizeof name, "%.*s", SLICE_ARGUMENTS(marker));
        near.name = NULL;
        nearest_try(&near, name);
        if (near.name)
            found = marker;
    }
    return found;
}

static bool has_marker(const struct seclang *l, slice name)
{
    for (unsigned i = 0; i < l->markers.count; i++)
        if (slice_equal_fold(l->markers.items[i].name, name))
            return true;
    return false;
}

static void warn_of_marker(struct seclang *l, const struct draft_rule *d)
{
    struct waf_problem p = { .file = d->file, .line = d->line, .column = 1 };
    slice near = suggest_marker(l, d);
    waf_problem_set(&p, "rule %u: %s \"%.*s\" %s: skipAfter ends the phase%s%.*s%s", d->id,
                    has_marker(l, d->skip_after) ? "the marker" : "no marker",
                    SLICE_ARGUMENTS(d->skip_after),
                    has_marker(l, d->skip_after) ? "stands before the rule" : "follows",
                    near.len ? "; did you mean " : "", SLICE_ARGUMENTS(near), near.len ? "?" : "");
    load_note(l, &p);
}

/* Turns names of markers into places of the phase. drafts: of all rules, by index. */
static void resolve_skips(struct seclang *l, struct draft_rule *const *drafts)
{
    for (unsigned i = 0; i < l->rules->rule_count; i++) {
        struct draft_rule *d = drafts[i];
        if (!d->skip_after.len)
            continue;
        struct rule *rule = &l->rules->rules[i];
        const struct rule_phase *phase = &l->rules->phases[rule->phase];
        uint32_t order = find_destination(l, d), low = 0, high = phase->count;
        if (order == UINT32_MAX)
            warn_of_marker(l, d);
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (drafts[phase->rules[middle]->index]->order < order)
                low = middle + 1;
            else
                high = middle;
        }
        rule->skip_to = low;
    }
}

static int sort_into_phases(struct ruleset *rules)
{
    for (unsigned p = 1; p <= WAF_PHASES; p++) {
        struct rule_phase *phase = &rules->phases[p];
        unsigned count = 0;
        for (unsigned i = 0; i < rules->rule_count; i++)
            count += rules->rules[i].phase == p;
        phase->rules = arena_take_array(&rules->arena, count, sizeof(struct rule *));
        if (count && !phase->rules)
            return -ENOMEM;
        for (unsigned i = 0; i < rules->rule_count; i++)
            if (rules->rules[i].phase == p)
                phase->rules[phase->count++] = &rules->rules[i];
    }
    return 0;
}

static int build_rules(struct seclang *l, struct tree *tree)
{
    struct ruleset *rules = l->rules;
    struct draft_rule **drafts = arena_take_array(&l->scratch, l->drafts.count, sizeof(*drafts));
    rules->rules = arena_take_array(&rules->arena, l->drafts.count, sizeof(*rules->rules));
    if (l->drafts.count && (!drafts || !rules->rules))
        return -ENOMEM;
    struct rule_build b = { .l = l };
    int result = 0;
    for (unsigned i = 0; i < l->drafts.count; i++) {
        b.draft = l->drafts.items[i];
        if (b.draft->is_removed)
            continue;
        drafts[rules->rule_count] = b.draft;
        b.rule = &rules->rules[rules->rule_count];
        b.rule->index = rules->rule_count++;
        result = load_worse(result, build_rule(&b, tree));
        if (result && result != -EINVAL)
            return result;
    }
    TRY(result);
    TRY(sort_into_phases(rules));
    resolve_skips(l, drafts);
    return 0;
}

int build_ruleset(struct seclang *l)
{
    struct ruleset *rules = l->rules;
    struct tree tree = { 0 };
    uint32_t root;
    TRY(add_node(l, &tree, 0, NULL, &root));
    TRY(build_rules(l, &tree));
    TRY(keep(l, tree.items, tree.count, sizeof(*tree.items), &rules->nodes));
    rules->node_count = tree.count;
    TRY(keep(l, l->tx_names.items, l->tx_names.count, sizeof(slice), &rules->tx_names));
    rules->tx_count = l->tx_names.count;
    TRY(keep(l, l->files.items, l->files.count, sizeof(slice), &rules->files));
    rules->file_count = l->files.count;
    TRY(keep(l, l->types.items, l->types.count, sizeof(slice), &rules->directives.response_types));
    rules->directives.response_type_count = l->types.count;
    TRY(prefilter_build(l->prefilter));
    rules->prefilter = l->prefilter;
    rules->need_count = prefilter_needs(l->prefilter);
    return 0;
}
