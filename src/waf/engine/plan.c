#include "waf/engine/plan.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "waf/engine/number_text.h"
#include "waf/engine/transaction.h"
#include "waf/operators/operator.h"
#include "waf/patterns/pattern.h"
#include "waf/patterns/prefilter.h"
#include "waf/transforms/transform.h"

static bool is_text(const struct macro *m)
{
    return m->count == 0 || (m->count == 1 && m->pieces[0].kind == MACRO_TEXT);
}

static slice text_of(const struct macro *m)
{
    return m->count ? m->pieces[0].text : SLICE("");
}

static bool compare_find(const char *name, enum compare *ret)
{
    static const char *const names[] = { "eq", "lt", "le", "gt", "ge" };
    for (unsigned i = 0; i < ARRAY_LENGTH(names); i++) {
        if (!slice_equal_fold(slice_from(name), slice_from(names[i])))
            continue;
        *ret = (enum compare)i;
        return true;
    }
    return false;
}

/* Most rules of a rule set do nothing but ask whether a level or a score has been reached. */
static bool is_compare(const struct link *l, struct link_plan *p)
{
    const struct target *t = l->targets;
    if (l->target_count != 1 || t->variable != VARIABLE_TX || t->selector != SELECT_NAME ||
        t->is_excluded || t->slot == WAF_NONE || l->node != 0 ||
        (l->flags & (LINK_CAPTURE | LINK_MULTI_MATCH)) ||
        !compare_find(l->operator->name, &p->compare))
        return false;
    p->slot = t->slot;
    p->is_count = t->is_count;
    p->right_slot = WAF_NONE;
    if (is_text(&l->argument)) {
        p->right = number_of_text(text_of(&l->argument));
        return true;
    }
    const struct macro_piece *piece = l->argument.pieces;
    if (l->argument.count != 1 || piece->variable != VARIABLE_TX || piece->slot == WAF_NONE)
        return false;
    p->right_slot = piece->slot;
    return true;
}

static bool reads_matched(const struct link *l)
{
    for (unsigned i = 0; i < l->target_count; i++)
        if (l->targets[i].variable == VARIABLE_MATCHED_VARS ||
            l->targets[i].variable == VARIABLE_MATCHED_VARS_NAMES)
            return true;
    return false;
}

bool plan_name_is_score(slice name)
{
    return slice_find(name, SLICE("anomaly_score")) < name.len ||
           slice_ends_with(name, SLICE("_score"));
}

static bool adds_score(const struct link *l)
{
    for (unsigned i = 0; i < l->set_count; i++)
        if (l->sets[i].collection == VARIABLE_TX && l->sets[i].kind != SET_ASSIGN &&
            plan_name_is_score(l->sets[i].name.source))
            return true;
    return false;
}

/* Rules for arguments look at fields that are as free as these, unless they do so anyway. */
static bool takes_free_fields(const struct link *l, const struct link_plan *p)
{
    for (unsigned i = 0; i < l->target_count; i++)
        if (l->targets[i].variable == VARIABLE_REQUEST_HEADERS && !l->targets[i].is_excluded &&
            l->targets[i].selector == SELECT_ALL)
            return false;
    return p->is_search;
}

static struct target_plan plan_arguments(const struct target *t, bool with_fields)
{
    struct target_plan p = { TARGET_SOURCE, { VARIABLE_ARGS_GET, VARIABLE_ARGS_POST }, 2, true };
    if (with_fields && t->selector == SELECT_ALL && !t->is_count)
        p.sources[p.count++] = SOURCE_FREE_FIELDS;
    return p;
}

static struct target_plan plan_target(const struct target *t, bool with_fields)
{
    struct target_plan p = { .sources = { (unsigned char)t->variable },
                             .count = 1,
                             .has_names = waf_variables[t->variable].kind == VARIABLE_COLLECTION };
    if (t->is_excluded)
        p.kind = TARGET_NONE;
    else if (t->variable == VARIABLE_TX)
        p.kind = TARGET_TX;
    else if (kept_is(t->variable))
        p.kind = TARGET_KEPT;
    else if (t->variable == VARIABLE_ENV)
        p.kind = TARGET_ENV;
    else if (t->variable == VARIABLE_GEO)
        p.kind = TARGET_GEO;
    else if (t->variable == VARIABLE_MATCHED_VARS || t->variable == VARIABLE_MATCHED_VARS_NAMES)
        p.kind = TARGET_MATCHED;
    else if (t->variable == VARIABLE_ARGS)
        p = plan_arguments(t, with_fields);
    else if (t->variable == VARIABLE_ARGS_NAMES)
        p = (struct target_plan){
            TARGET_SOURCE, { VARIABLE_ARGS_GET_NAMES, VARIABLE_ARGS_POST_NAMES }, 2, true
        };
    else if (t->variable == VARIABLE_XML_DOCUMENT && t->selector == SELECT_XML_VALUES)
        p.sources[0] = SOURCE_XML_VALUES;
    else if (t->variable == VARIABLE_XML_DOCUMENT && t->selector == SELECT_XML_PARTS)
        p.sources[0] = SOURCE_XML_PARTS;
    else if (!collect_is_source(t->variable))
        p.kind = TARGET_SCALAR;
    return p;
}

static int plan_targets(struct ruleset *rules, struct plan *plan, const struct link *l,
                        struct link_plan *p)
{
    if (l->target_count == 0)
        return 0;
    p->targets = arena_take_array(&rules->arena, l->target_count, sizeof(*p->targets));
    if (!p->targets)
        return -ENOMEM;
    bool with_fields = takes_free_fields(l, p);
    for (unsigned i = 0; i < l->target_count; i++) {
        p->targets[i] = plan_target(&l->targets[i], with_fields);
        p->has_exclusions |= l->targets[i].is_excluded;
        plan->reads_xml_parts |= l->targets[i].selector == SELECT_XML_PARTS;
    }
    return 0;
}

/* Whether the sources of all targets, as they are, tell if the link can match. Narrowed to a name,
 * a target is cheaper to look at by itself. */
static bool view_of(const struct link *l, const struct link_plan *p, struct view_plan *ret)
{
    *ret = (struct view_plan){ .node = l->node };
    if (!p->is_screened || (l->flags & LINK_MULTI_MATCH))
        return false;
    for (unsigned i = 0; i < l->target_count; i++) {
        const struct target_plan *t = &p->targets[i];
        if (t->kind == TARGET_NONE)
            continue;
        if (t->kind != TARGET_SOURCE || l->targets[i].is_count ||
            l->targets[i].selector == SELECT_NAME || ret->count + t->count > VIEW_SOURCES_MAX)
            return false;
        memcpy(ret->sources + ret->count, t->sources, t->count);
        ret->count += t->count;
    }
    return ret->count > 0;
}

static void plan_view(struct plan *p, const struct link *l, struct link_plan *lp)
{
    struct view_plan view;
    lp->view = WAF_NONE;
    if (!view_of(l, lp, &view))
        return;
    for (lp->view = 0; lp->view < p->view_count; lp->view++)
        if (memcmp(&p->views[lp->view], &view, sizeof(view)) == 0)
            return;
    if (p->view_count == VIEWS_MAX)
        lp->view = WAF_NONE;
    else
        p->views[p->view_count++] = view;
}

/* Most chains do not match to their end: nobody asks then where the match of a link stands. */
static bool is_placed_late(const struct rule *r, unsigned index)
{
    const struct link *l = &r->links[index];
    return index + 1 < r->link_count && !(l->flags & (LINK_CAPTURE | LINK_NEGATED | LINK_ALWAYS)) &&
           is_text(&l->argument) && !l->operator->asks_list;
}

static int plan_rule(struct ruleset *rules, struct plan *plan, struct rule *r)
{
    struct rule_plan *p = &plan->rules[r->index];
    p->links = arena_take_array(&rules->arena, r->link_count, sizeof(*p->links));
    if (!p->links && r->link_count)
        return -ENOMEM;
    p->is_told = (r->flags & (RULE_LOG | RULE_AUDIT_LOG)) || r->disruption != DISRUPT_PASS;
    for (unsigned i = 0; i < r->link_count; i++) {
        const struct link *l = &r->links[i];
        struct link_plan *lp = &p->links[i];
        lp->kind = (l->flags & LINK_ALWAYS) ? LINK_KIND_ACTION
                   : is_compare(l, lp)      ? LINK_KIND_COMPARE
                                            : LINK_KIND_VALUES;
        lp->is_search = l->operator&& l->operator->is_search && !(l->flags & LINK_NEGATED);
        lp->is_screened = l->need != WAF_NONE && !(l->flags & LINK_NEGATED);
        TRY(plan_targets(rules, plan, l, lp));
        plan_view(plan, l, lp);
        lp->is_placed_late = is_placed_late(r, i);
        lp->is_read_next = i + 1 < r->link_count && reads_matched(&r->links[i + 1]);
        p->is_told |= adds_score(l);
    }
    return 0;
}

static void plan_trigger(struct plan *p, unsigned class, unsigned bit)
{
    unsigned i = 0;
    if (class == PREFILTER_NO_CLASS) {
        p->untriggered |= UINT64_C(1) << bit;
        return;
    }
    while (i < p->trigger_count && p->triggers[i].class != class)
        i++;
    p->trigger_count += i == p->trigger_count;
    p->triggers[i].class = class;
    p->triggers[i].transforms |= UINT64_C(1) << bit;
}

static unsigned transform_bit(struct plan *p, const struct transform_node *n)
{
    for (unsigned i = 0; i < p->transform_count; i++)
        if (p->transforms[i].transform == n->transform)
            return i;
    ASSERT(p->transform_count < PLAN_TRANSFORMS_MAX);
    p->transforms[p->transform_count] = (struct transform_plan){ n->transform, SIZE_MAX };
    plan_trigger(p, n->triggers, p->transform_count);
    return p->transform_count++;
}

/* How short a value a link tells apart by its length alone. */
static size_t length_wanted(const struct ruleset *rules, const struct link *l)
{
    if (l->need == WAF_NONE || (l->flags & LINK_NEGATED))
        return 0;
    return prefilter_need_length(rules->prefilter, l->need);
}

static void note_length(size_t *len_min, size_t len)
{
    if (len < *len_min)
        *len_min = len;
}

/* What the links of all rules want at least, then what the nodes below want: children stand behind
 * their parents. */
static void plan_lengths(const struct ruleset *rules, struct plan *p)
{
    for (unsigned i = 0; i < rules->node_count; i++)
        p->nodes[i].len_min = SIZE_MAX;
    for (unsigned i = 0; i < rules->rule_count; i++)
        for (unsigned j = 0; j < rules->rules[i].link_count; j++) {
            const struct link *l = &rules->rules[i].links[j];
            note_length(&p->nodes[l->node].len_min, length_wanted(rules, l));
            for (unsigned s = 0; s < l->stage_count; s++)
                note_length(&p->nodes[l->stages[s]].len_min, length_wanted(rules, l));
        }
    for (unsigned i = rules->node_count; i-- > 1;) {
        const struct transform_node *n = &rules->nodes[i];
        struct transform_plan *by = &p->transforms[transform_bit(p, n)];
        note_length(&p->nodes[n->parent].len_min,
                    transform_never_grows(n->transform) ? p->nodes[i].len_min : 0);
        note_length(&by->len_min, p->nodes[i].len_min);
    }
}

static void plan_growth(struct node_plan *p, const struct node_plan *parent,
                        const struct transform_node *n, uint32_t number)
{
    bool never_grows = transform_never_grows(n->transform);
    p->never_grows = never_grows && parent->never_grows;
    p->decoder = n->transform->longest ? number : never_grows ? parent->decoder : 0;
}

static int plan_nodes(struct ruleset *rules, struct plan *p)
{
    p->nodes = arena_take_array(&rules->arena, rules->node_count + 1, sizeof(*p->nodes));
    if (!p->nodes)
        return -ENOMEM;
    p->nodes[0].never_grows = true;
    for (unsigned i = 1; i < rules->node_count; i++) {
        const struct transform_node *n = &rules->nodes[i];
        p->nodes[i] = p->nodes[n->parent];
        plan_growth(&p->nodes[i], &p->nodes[n->parent], n, i);
        p->nodes[i].transforms |= UINT64_C(1) << transform_bit(p, n);
    }
    return 0;
}

static int compare_names(const void *a, const void *b, void *context)
{
    const struct ruleset *rules = context;
    return slice_compare(rules->tx_names[*(const uint32_t *)a],
                         rules->tx_names[*(const uint32_t *)b]);
}

static int plan_names(struct ruleset *rules, struct plan *p)
{
    p->tx_sorted = arena_take_array(&rules->arena, rules->tx_count + 1, sizeof(*p->tx_sorted));
    p->tx_is_score = arena_take_array(&rules->arena, rules->tx_count + 1, sizeof(*p->tx_is_score));
    if (!p->tx_sorted || !p->tx_is_score)
        return -ENOMEM;
    for (uint32_t i = 0; i < rules->tx_count; i++) {
        p->tx_sorted[i] = i;
        p->tx_is_score[i] = plan_name_is_score(rules->tx_names[i]);
    }
    qsort_r(p->tx_sorted, rules->tx_count, sizeof(*p->tx_sorted), compare_names, rules);
    for (unsigned i = 0; i < MATCH_SPANS_MAX; i++) {
        char digit = (char)('0' + i);
        p->captures[i] = plan_slot(rules, slice_of(&digit, 1));
    }
    return 0;
}

uint32_t plan_slot(const struct ruleset *rules, slice name)
{
    uint32_t low = 0, high = rules->tx_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, slot = rules->plan->tx_sorted[middle];
        int order = slice_compare(name, rules->tx_names[slot]);
        if (order == 0)
            return slot;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return WAF_NONE;
}

static bool has_id(const struct ctl_action *ctl, const struct rule *r)
{
    return r->id >= ctl->ids.first && r->id <= ctl->ids.last;
}

static int text_means(const struct ctl_action *ctl, slice wanted, slice text, struct work *work)
{
    return ctl->pattern ? pattern_matches(ctl->pattern, text, work) : slice_equal(wanted, text);
}

static int ctl_means(const struct ctl_action *ctl, slice text, const struct rule *r,
                     struct work *work)
{
    switch (ctl->kind) {
    case CTL_RULE_REMOVE_BY_ID:
    case CTL_RULE_REMOVE_TARGET_BY_ID:
        return has_id(ctl, r);
    case CTL_RULE_REMOVE_BY_TAG:
    case CTL_RULE_REMOVE_TARGET_BY_TAG:
        for (unsigned i = 0; i < r->tag_count; i++) {
            int means = text_means(ctl, text, r->tags[i].source, work);
            if (means != 0)
                return means;
        }
        return 0;
    case CTL_RULE_REMOVE_BY_MSG:
    case CTL_RULE_REMOVE_TARGET_BY_MSG:
        return r->msg.source.len ? text_means(ctl, text, r->msg.source, work) : 0;
    case CTL_RULE_ENGINE:
    case CTL_REQUEST_BODY_ACCESS:
    case CTL_REQUEST_BODY_PROCESSOR:
    case CTL_FORCE_REQUEST_BODY_VARIABLE:
    case CTL_REQUEST_BODY_LIMIT:
    case CTL_RESPONSE_BODY_ACCESS:
    case CTL_RESPONSE_BODY_LIMIT:
    case CTL_AUDIT_ENGINE:
    case CTL_AUDIT_LOG_PARTS:
    case CTL_DEBUG_LOG_LEVEL:
    case CTL_HASH_ENGINE:
        return 0;
    }
    return 0;
}

int plan_ctl_rules(const struct ruleset *rules, const struct ctl_action *ctl, slice text,
                   uint64_t *set, struct work *work)
{
    for (unsigned i = 0; i < rules->rule_count; i++) {
        const struct rule *r = &rules->rules[i];
        int means = ctl_means(ctl, text, r, work);
        if (means < 0)
            return means;
        if (means)
            set[r->index >> 6] |= UINT64_C(1) << (r->index & 63);
    }
    return 0;
}

static bool means_rules(const struct ctl_action *ctl)
{
    return ctl->kind >= CTL_RULE_REMOVE_BY_ID && ctl->kind <= CTL_RULE_REMOVE_TARGET_BY_MSG;
}

/* Which rules a ctl means is known now, but for texts with macros. Rule files with exclusions for
 * many applications say the same again and again: equal ones share a set. */
static int plan_ctls(struct ruleset *rules, struct link *l, unsigned words)
{
    struct work work;
    work_open(&work, 0, NULL, NULL);
    const struct ctl_action *before = NULL;
    for (unsigned i = 0; i < l->ctl_count; i++) {
        struct ctl_action *ctl = &l->ctls[i];
        if (!means_rules(ctl) || !is_text(&ctl->text))
            continue;
        if (before && before->kind == ctl->kind && before->ids.first == ctl->ids.first &&
            before->ids.last == ctl->ids.last &&
            slice_equal(before->text.source, ctl->text.source)) {
            ctl->rules = before->rules;
            continue;
        }
        uint64_t *set = arena_take_array(&rules->arena, words, sizeof(*set));
        if (!set)
            return -ENOMEM;
        TRY(plan_ctl_rules(rules, ctl, text_of(&ctl->text), set, &work));
        ctl->rules = set;
        before = ctl;
    }
    return 0;
}

static int add_need(struct ruleset *rules, uint64_t **needs, uint32_t need)
{
    if (!*needs)
        *needs = arena_take_array(&rules->arena, rules->plan->candidate_words, sizeof(**needs));
    if (!*needs)
        return -ENOMEM;
    (*needs)[need >> 6] |= UINT64_C(1) << (need & 63);
    return 0;
}

static int plan_source(struct ruleset *rules, struct plan *p, unsigned source, const struct link *l)
{
    struct source_plan *s = &p->sources[source_places[source]];
    TRY(add_need(rules, &s->needs, l->need));
    for (unsigned i = 0; i <= l->stage_count; i++) {
        uint32_t node = i == l->stage_count ? l->node : l->stages[i];
        TRY(add_need(rules, &p->nodes[node].needs, l->need));
        if (node < KNOWN_NODES_MAX)
            s->nodes |= UINT64_C(1) << node;
    }
    return 0;
}

static int plan_sources(struct ruleset *rules, struct plan *p, const struct rule *r)
{
    for (unsigned i = 0; i < r->link_count; i++) {
        const struct link *l = &r->links[i];
        for (unsigned j = 0; j < l->target_count && l->need != WAF_NONE; j++) {
            const struct target_plan *t = &p->rules[r->index].links[i].targets[j];
            for (unsigned k = 0; k < t->count && t->kind == TARGET_SOURCE; k++)
                TRY(plan_source(rules, p, t->sources[k], l));
        }
    }
    return 0;
}

static int plan_screens(struct ruleset *rules, struct plan *p)
{
    for (unsigned phase = 0; phase <= WAF_PHASES; phase++) {
        const struct rule_phase *of = &rules->phases[phase];
        struct rule_screen *screens =
            arena_take_array(&rules->arena, of->count + 1, sizeof(*screens));
        if (!screens)
            return -ENOMEM;
        for (unsigned i = 0; i < of->count; i++) {
            const struct rule *r = of->rules[i];
            screens[i] = (struct rule_screen){ p->rules[r->index].links[0].view, r->links[0].need };
        }
        p->screens[phase] = screens;
    }
    return 0;
}

static void close_known(void *known)
{
    known_close(known);
}

static int open_known(struct ruleset *rules)
{
    struct waf_known *k;
    if (rules->need_count > KNOWN_NEEDS_MAX)
        return 0;
    TRY(known_open(&k));
    TRY(ruleset_own(rules, close_known, k));
    rules->known = k;
    return 0;
}

int waf_prepare(struct ruleset *rules)
{
    struct plan *p = arena_take(&rules->arena, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->rule_words = rules->rule_count / 64 + 1;
    p->candidate_words = rules->prefilter ? prefilter_words(rules->prefilter) : 1;
    p->rules = arena_take_array(&rules->arena, rules->rule_count + 1, sizeof(*p->rules));
    p->views = arena_take_array(&rules->arena, VIEWS_MAX, sizeof(*p->views));
    p->sources = arena_take_array(&rules->arena, PLACE_COUNT, sizeof(*p->sources));
    p->no_candidates =
        arena_take_array(&rules->arena, p->candidate_words, sizeof(*p->no_candidates));
    if (!p->rules || !p->views || !p->sources || !p->no_candidates)
        return -ENOMEM;
    rules->plan = p;
    TRY(plan_nodes(rules, p));
    plan_lengths(rules, p);
    TRY(plan_names(rules, p));
    for (unsigned i = 0; i < rules->rule_count; i++) {
        struct rule *r = &rules->rules[i];
        TRY(plan_rule(rules, p, r));
        TRY(plan_sources(rules, p, r));
        for (unsigned j = 0; j < r->link_count; j++)
            TRY(plan_ctls(rules, &r->links[j], p->rule_words));
    }
    TRY(open_known(rules));
    return plan_screens(rules, p);
}
