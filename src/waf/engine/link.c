/* One link of a rule over its values: which they are, whether the operator says yes, and what
 * follows from each yes. */
#include <errno.h>

#include "base/writer.h"
#include "waf/engine/transaction.h"
#include "waf/geo.h"
#include "waf/operators/operator.h"
#include "waf/patterns/pattern.h"

/* What follows from a match by itself: most only set variables. */
enum { MATCH_STEPS = 32 };

/* A value under judgement. */
struct subject {
    struct value_name name;
    struct item *item;
    bool is_transient; /* not worth a pass of the prefilter */
};

/* How long ".array_12" is at the beginning of a name, where a member or nothing follows; else 0. */
static size_t index_length(slice name)
{
    static const slice mark = SLICE(".array_");
    if (!slice_equal_fold(slice_first(name, mark.len), mark))
        return 0;
    size_t end = mark.len;
    while (end < name.len && name.ptr[end] >= '0' && name.ptr[end] <= '9')
        end++;
    return end > mark.len && (end == name.len || name.ptr[end] == '.') ? end : 0;
}

static bool is_element(slice a, slice b)
{
    while (a.len && b.len) {
        size_t of_a = index_length(a), of_b = index_length(b);
        bool are_indices = of_a && of_b;
        if (!are_indices && ascii_lower(a.ptr[0]) != ascii_lower(b.ptr[0]))
            return false;
        a = slice_after(a, are_indices ? of_a : 1);
        b = slice_after(b, are_indices ? of_b : 1);
    }
    return a.len == b.len;
}

static int name_matches(struct waf_transaction *t, const struct target *target, slice name)
{
    switch (target->selector) {
    case SELECT_ALL:
        return 1;
    case SELECT_NAME:
        return slice_equal_fold(target->name, name);
    case SELECT_ELEMENT:
        return is_element(target->name, name);
    case SELECT_PATTERN:
        return pattern_matches(target->pattern, name, t->work);
    case SELECT_XML_TEXT:
    case SELECT_XML_VALUES:
    case SELECT_XML_PARTS:
        return 1;
    }
    return 1;
}

/* All text is its parts too. */
static bool xml_exclusion_covers(enum selector_kind exclusion, enum selector_kind value)
{
    return exclusion == SELECT_ALL || exclusion == value ||
           (exclusion == SELECT_XML_TEXT && value == SELECT_XML_PARTS);
}

/* Whether an exclusion speaks of this value: the same variable, and the name it narrows to. */
static int exclusion_covers(struct waf_transaction *t, const struct target *exclusion,
                            const struct subject *s)
{
    if (exclusion->variable != s->name.variable)
        return 0;
    if (s->name.variable == VARIABLE_XML_DOCUMENT)
        return xml_exclusion_covers(exclusion->selector, s->name.target->selector);
    return name_matches(t, exclusion, s->name.key);
}

static int is_excluded(struct rule_run *run, const struct subject *s)
{
    struct waf_transaction *t = run->t;
    if (run->link_plan->has_exclusions)
        for (unsigned i = 0; i < run->link->target_count; i++) {
            const struct target *target = &run->link->targets[i];
            int covers = target->is_excluded ? exclusion_covers(t, target, s) : 0;
            if (covers != 0)
                return covers;
        }
    uint32_t index = run->rule->index;
    for (const struct removal *r = t->removals; r; r = r->next) {
        if (!(r->rules[index >> 6] >> (index & 63) & 1))
            continue;
        int covers = exclusion_covers(t, r->target, s);
        if (covers != 0)
            return covers;
    }
    return 0;
}

static slice xml_path(enum selector_kind selector)
{
    return selector == SELECT_XML_VALUES  ? SLICE("//@*")
           : selector == SELECT_XML_PARTS ? SLICE("//text()")
                                          : SLICE("/*");
}

int value_name_text(struct waf_transaction *t, const struct value_name *n, slice *ret)
{
    *ret = SLICE("");
    if (!n->target)
        return 0;
    slice variable = slice_from(waf_variables[n->variable].name);
    slice key = n->variable == VARIABLE_XML_DOCUMENT ? xml_path(n->target->selector) : n->key;
    if (!key.ptr && !n->target->is_count) {
        *ret = variable;
        return 0;
    }
    size_t room = variable.len + key.len + 2;
    char *text = arena_take_bytes(t->arena, room);
    if (!text)
        return -ENOMEM;
    struct writer w = writer_over(text, room);
    if (n->target->is_count)
        writer_byte(&w, '&');
    writer_slice_add(&w, variable);
    if (key.ptr)
        writer_byte(&w, ':');
    TRY(work_copy(t->work, text + w.len, key)); /* it may be all of a body */
    *ret = slice_of(text, w.len + key.len);
    return 0;
}

/* TX:0 … TX:9 are the last captures; a match with fewer unsets the rest (ModSecurity 2). */
static void captures_set(struct waf_transaction *t, const struct operator_match *m, slice value)
{
    for (unsigned i = 0; i < MATCH_SPANS_MAX; i++) {
        uint32_t slot = t->plan->captures[i];
        if (slot == WAF_NONE)
            continue;
        struct tx_value *v = &t->tx.slots[slot];
        if (i == 0 && m->word.len)
            tx_set(v, m->word);
        else if (i < m->count)
            tx_set(v, slice_first(slice_after(value, m->spans[i].at), m->spans[i].len));
        else
            *v = (struct tx_value){ 0 };
    }
}

static int matched_add(struct waf_transaction *t, slice name, slice value)
{
    struct matched_list *list = &t->matched[t->matched_now];
    if (list->count == list->capacity) {
        enum { AT_FIRST = 8 };
        unsigned capacity = list->capacity ? list->capacity * 2 : AT_FIRST;
        struct matched *items = arena_take_array(t->arena, capacity, sizeof(*items));
        if (!items)
            return -ENOMEM;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = (struct matched){ name, value };
    return 0;
}

static void found_set(struct rule_run *run, const struct subject *s, const struct copy *copy,
                      uint32_t node, const struct operator_match *m)
{
    const struct decoded_from *from = s->item->from;
    bool is_decoded = from && from->encoded.ptr;
    slice raw = is_decoded ? from->encoded : s->item->raw.bytes;
    struct found *found = &run->found[run->link_index];
    found->name = s->name;
    found->finding = (struct waf_finding){ .link = run->link_index,
                                           .variable = s->name.variable,
                                           .raw = raw,
                                           .raw_bytes = raw.len,
                                           .is_decoded = is_decoded,
                                           .member = from ? from->member : SLICE(""),
                                           .value = copy->bytes,
                                           .value_bytes = copy->bytes.len,
                                           .node = node,
                                           .match = *m };
}

int match_word_keep(struct waf_transaction *t, struct operator_match *m)
{
    if (m->word.len == 0)
        return 0;
    m->word = arena_copy(t->arena, m->word);
    return m->word.ptr ? 0 : -ENOMEM;
}

/* GEO tells of the last address that was found. */
static int geo_fill(struct waf_transaction *t, slice address)
{
    struct geo_place place;
    struct geo_database *geo = t->rules->geo;
    int is_known = geo ? geo->find(geo, address, t->arena, &place) : 0;
    if (is_known <= 0)
        return is_known;
    t->geo.count = 0;
    for (unsigned i = 0; i < GEO_MEMBER_COUNT; i++) {
        struct tx_value *v;
        if (!place.members[i].ptr)
            continue;
        TRY(tx_name_make(&t->geo, t->arena, slice_from(geo_member_names[i]), &v));
        tx_set(v, place.members[i]);
    }
    return 0;
}

/* What follows from a match, in the order of ModSecurity 2: captures, severity, MATCHED_VAR, the
 * link's own actions, and with the last link what the rule says. */
static int on_match(struct rule_run *run, const struct subject *s, const struct copy *copy,
                    uint32_t node, struct operator_match *m)
{
    struct waf_transaction *t = run->t;
    run->has_matched = run->target_found = true;
    TRY(work_spend(t->work, MATCH_STEPS));
    TRY(match_word_keep(t, m));
    if ((run->link->flags & LINK_CAPTURE) && (m->count || m->word.len))
        captures_set(t, m, copy->bytes);
    if (run->rule->severity < t->highest_severity)
        t->highest_severity = run->rule->severity;
    t->matched_name = s->name;
    t->matched_value = copy->bytes;
    if (run->link->operator&& run->link->operator->fills_geo)
        TRY(geo_fill(t, copy->bytes));
    if (run->link_plan->is_read_next) {
        slice name;
        TRY(value_name_text(t, &s->name, &name));
        TRY(matched_add(t, name, t->matched_value));
    }
    if (run->found)
        found_set(run, s, copy, node, m);
    TRY(action_run(t, run->rule, run->link, &run->score));
    if (run->link_index + 1 < run->rule->link_count)
        return 0;
    return decision_match(run);
}

static int argument_of(struct rule_run *run, slice *ret)
{
    const struct macro *m = &run->link->argument;
    *ret = m->source;
    if (!run->link->operator->has_macros ||
         m->count == 0 ||(m->count == 1 && m->pieces[0].kind == MACRO_TEXT)) {
        run->argument = *ret;
        return 0;
    }
    TRY(macro_expand(run->t, m, ret));
    run->argument = *ret;
    return 0;
}

/* Whether the operator can say yes at all. 1 · 0 · -errno */
static int may_say_yes(struct rule_run *run, const struct subject *s, struct copy *copy,
                       uint32_t node)
{
    const struct recollection *known = s->item->known;
    const uint64_t *candidates;
    if (run->link->need == WAF_NONE || s->is_transient)
        return 1;
    if (known && recall_counts(run->t, run->link->need) && known_has_node(&known->facts, node))
        return !known_rules_out(&known->facts, node, run->link->need);
    TRY(copy_candidates(run->t, copy, &candidates));
    return candidates_have(candidates, run->link->need);
}

/* It has said no, and would again. */
static void note_no(const struct rule_run *run, const struct subject *s, struct copy *copy,
                    uint32_t node)
{
    uint32_t need = run->link->need;
    struct recollection *known = s->item->known;
    if (need == WAF_NONE || s->is_transient)
        return;
    if (copy->candidates)
        copy->candidates[need >> 6] &= ~(UINT64_C(1) << (need & 63));
    if (!known)
        return;
    known_drop_pair(&known->facts, copy == &s->item->raw ? 0 : node, need);
    known->is_news = true;
}

/* 1 · 0 · -errno */
static int operator_says(struct rule_run *run, const struct subject *s, struct copy *copy,
                         uint32_t node, struct operator_match *m)
{
    const struct link *l = run->link;
    slice argument;
    int may = may_say_yes(run, s, copy, node);
    if (may <= 0)
        return may;
    TRY(argument_of(run, &argument));
    run->t->counts.operators++;
    bool wants_match = (l->flags & LINK_CAPTURE) || (run->found && !run->link_plan->is_placed_late);
    TRY(work_spend(run->t->work, 1));
    if (l->operator->asks_list)
        return list_says(run->t, argument, &s->name, copy->bytes, wants_match ? m : NULL);
    int says = l->operator->evaluate(l->prepared, argument, copy->bytes, wants_match ? m : NULL,
                                     run->t->work);
    if (says == 0)
        note_no(run, s, copy, node);
    return says;
}

static int judge(struct rule_run *run, const struct subject *s, struct copy *copy, uint32_t node)
{
    struct operator_match m UNINITIALIZED;
    m.count = 0;
    m.word = (slice){ 0 };
    int says = operator_says(run, s, copy, node, &m);
    if (says < 0)
        return says;
    if ((says != 0) == ((run->link->flags & LINK_NEGATED) != 0))
        return 0;
    return on_match(run, s, copy, node, &m);
}

/* multiMatch: the raw value, and again after each transformation that changed it. */
static int judge_stages(struct rule_run *run, const struct subject *s)
{
    const struct copy *before = NULL;
    for (unsigned i = 0; i < run->link->stage_count && !run->is_stopped; i++) {
        struct copy *copy;
        TRY(item_copy(run->t, s->item, run->link->stages[i], &copy));
        if (copy == before)
            continue;
        before = copy;
        TRY(judge(run, s, copy, run->link->stages[i]));
    }
    return 0;
}

static int judge_subject(struct rule_run *run, const struct subject *s)
{
    bool is_told_before = s->item->is_echo && run->target_found && !run->link_plan->is_read_next;
    bool is_beside_point = s->item->from && !run->link_plan->is_search;
    if (run->is_stopped || is_told_before || is_beside_point)
        return 0;
    if (run->link_plan->has_exclusions || run->t->removals) {
        int excluded = is_excluded(run, s);
        if (excluded != 0)
            return excluded < 0 ? excluded : 0;
    }
    if (run->link->flags & LINK_MULTI_MATCH)
        return judge_stages(run, s);
    struct copy *copy;
    TRY(item_copy(run->t, s->item, run->link->node, &copy));
    return judge(run, s, copy, run->link->node);
}

static int judge_text(struct rule_run *run, const struct target *target, slice key, slice value)
{
    struct item item = { .name = key, .raw = { .bytes = value } };
    struct subject s = { .name = { target, target->variable, key },
                         .item = &item,
                         .is_transient = true };
    return judge_subject(run, &s);
}

/* Whether any value of a source can match; only then are they looked at one by one. 1 · 0 · -errno
 */
static int source_may_match(struct rule_run *run, struct source *source)
{
    const struct link *l = run->link;
    const uint64_t *candidates;
    if (!run->link_plan->is_screened)
        return 1;
    unsigned stages = (l->flags & LINK_MULTI_MATCH) ? l->stage_count : 1;
    for (unsigned i = 0; i < stages; i++) {
        uint32_t node = (l->flags & LINK_MULTI_MATCH) ? l->stages[i] : l->node;
        TRY(source_candidates(run->t, source, node, &candidates));
        (void)recall_counts(run->t, l->need);
        if (candidates_have(candidates, l->need))
            return 1;
    }
    return 0;
}

/* The quick no, for a value that is known, or comes out of its transformations as it went in. */
static bool is_screened_out(const struct rule_run *run, const struct item *item)
{
    const struct link *l = run->link;
    if (!run->link_plan->is_screened || (l->flags & LINK_MULTI_MATCH))
        return false;
    if (recall_rules_out(run->t, item, l->node, l->need))
        return true;
    return item->raw.candidates && item->has_changes &&
           !candidates_have(item->raw.candidates, l->need) &&
           !node_may_change(&run->t->plan->nodes[l->node], item->worthy);
}

static int run_source(struct rule_run *run, const struct target *target,
                      const struct target_plan *p, struct source *source)
{
    if (target->selector != SELECT_NAME) {
        int may = source_may_match(run, source);
        if (may <= 0)
            return may;
    }
    bool is_free = source == source_of(run->t, SOURCE_FREE_FIELDS);
    enum variable_id variable = is_free ? VARIABLE_REQUEST_HEADERS : target->variable;
    for (unsigned i = 0; i < source->count && !run->is_stopped; i++) {
        struct item *item = source_item(source, i);
        TRY(items_pay(run->t->work, i, source->count, ITEM_STEPS / 2));
        if (target->selector == SELECT_NAME && !slice_equal_fold(target->name, item->name))
            continue;
        TRY(item_recall_once(run->t, source, i, item));
        if (is_screened_out(run, item))
            continue;
        if (target->selector == SELECT_PATTERN) {
            int matches = name_matches(run->t, target, item->name);
            if (matches < 0)
                return matches;
            if (matches == 0)
                continue;
        }
        struct subject s = { .name = { target, variable, p->has_names ? item->name : (slice){ 0 } },
                             .item = item };
        TRY(judge_subject(run, &s));
    }
    return 0;
}

static int count_source(struct rule_run *run, const struct target *target,
                        const struct source *source, unsigned *count)
{
    for (unsigned i = 0; i < source->count; i++) {
        TRY(items_pay(run->t->work, i, source->count, ITEM_STEPS / 2));
        const struct item *item = source_item(source, i);
        int matches = item->is_echo ? 0 : name_matches(run->t, target, item->name);
        if (matches < 0)
            return matches;
        *count += (unsigned)matches;
    }
    return 0;
}

/* A variable of TX or ENV, or all whose name the target means. With `count` they are only counted.
 */
static int each_name(struct rule_run *run, const struct target *target, slice name,
                     struct tx_value *v, unsigned *count)
{
    if (v->kind == TX_ABSENT)
        return 0;
    int matches = name_matches(run->t, target, name);
    if (matches <= 0)
        return matches;
    if (count) {
        ++*count;
        return 0;
    }
    slice text;
    TRY(tx_text(v, run->t->arena, &text));
    return judge_text(run, target, name, text);
}

/* Actions may add names while they are gone through; those count the next time. */
static int run_names(struct rule_run *run, const struct target *target, struct tx_names *names,
                     unsigned *count)
{
    unsigned there = names->count;
    for (unsigned i = 0; i < there && !run->is_stopped; i++) {
        struct tx_value v = names->items[i].value;
        TRY(each_name(run, target, names->items[i].name, &v, count));
    }
    return 0;
}

static int run_tx(struct rule_run *run, const struct target *target, unsigned *count)
{
    struct waf_transaction *t = run->t;
    if (target->selector == SELECT_NAME && target->slot != WAF_NONE)
        return each_name(run, target, target->name, &t->tx.slots[target->slot], count);
    for (uint32_t i = 0; i < t->rules->tx_count && !run->is_stopped; i++)
        TRY(each_name(run, target, t->rules->tx_names[i], &t->tx.slots[i], count));
    return run_names(run, target, &t->tx.names, count);
}

static int run_kept(struct rule_run *run, const struct target *target, const struct target_plan *p,
                    unsigned *count)
{
    bool is_present = false;
    slice value;
    if (target->selector == SELECT_NAME) {
        TRY(kept_read(run->t, target->variable, target->name, &value, &is_present));
        if (is_present && count)
            ++*count;
        return is_present && !count ? judge_text(run, target, target->name, value) : 0;
    }
    struct source all = { 0 };
    TRY(kept_list(run->t, target->variable, &all));
    return count ? count_source(run, target, &all, count) : run_source(run, target, p, &all);
}

static int run_matched(struct rule_run *run, const struct target *target, unsigned *count)
{
    const struct matched_list *list = &run->t->matched[!run->t->matched_now];
    for (unsigned i = 0; i < list->count && !run->is_stopped; i++) {
        int matches = name_matches(run->t, target, list->items[i].name);
        if (matches < 0)
            return matches;
        if (matches == 0)
            continue;
        if (count) {
            ++*count;
            continue;
        }
        bool is_names = target->variable == VARIABLE_MATCHED_VARS_NAMES;
        TRY(judge_text(run, target, list->items[i].name,
                       is_names ? list->items[i].name : list->items[i].value));
    }
    return 0;
}

static int run_scalar(struct rule_run *run, const struct target *target, unsigned *count)
{
    bool is_present = false;
    slice value;
    if (target->variable == VARIABLE_RULE)
        TRY(scalar_rule(run->t, target->name, &value, &is_present));
    else
        TRY(scalar_read(run->t, target->variable, &value, &is_present));
    if (!is_present)
        return 0;
    if (count) {
        ++*count;
        return 0;
    }
    return judge_text(run, target, target->variable == VARIABLE_RULE ? target->name : (slice){ 0 },
                      value);
}

static int run_sources(struct rule_run *run, const struct target *target,
                       const struct target_plan *p, unsigned *count)
{
    for (unsigned i = 0; i < p->count && !run->is_stopped; i++) {
        struct source *source = source_of(run->t, p->sources[i]);
        if (!source->is_filled)
            TRY(collect_source(run->t, p->sources[i]));
        if (count)
            TRY(count_source(run, target, source, count));
        else if (source->count)
            TRY(run_source(run, target, p, source));
    }
    return 0;
}

/* Runs the target's values, or counts them. */
static int run_values(struct rule_run *run, const struct target *target,
                      const struct target_plan *p, unsigned *count)
{
    switch (p->kind) {
    case TARGET_SOURCE:
        return run_sources(run, target, p, count);
    case TARGET_TX:
        return run_tx(run, target, count);
    case TARGET_KEPT:
        return run_kept(run, target, p, count);
    case TARGET_ENV:
        return run_names(run, target, &run->t->env, count);
    case TARGET_GEO:
        return run_names(run, target, &run->t->geo, count);
    case TARGET_MATCHED:
        return run_matched(run, target, count);
    case TARGET_SCALAR:
        return run_scalar(run, target, count);
    case TARGET_NONE:
        break;
    }
    return 0;
}

static int run_target(struct rule_run *run, const struct target *target,
                      const struct target_plan *p)
{
    run->target_found = false;
    if (p->kind == TARGET_NONE || !target->is_count)
        return run_values(run, target, p, NULL);
    unsigned count = 0;
    slice text;
    TRY(run_values(run, target, p, &count));
    TRY(scalar_number(run->t, count, &text));
    return judge_text(run, target, target->selector == SELECT_ALL ? (slice){ 0 } : target->name,
                      text);
}

static bool compare(enum compare how, int64_t left, int64_t right)
{
    switch (how) {
    case COMPARE_EQ:
        return left == right;
    case COMPARE_LT:
        return left < right;
    case COMPARE_LE:
        return left <= right;
    case COMPARE_GT:
        return left > right;
    case COMPARE_GE:
        return left >= right;
    }
    return false;
}

/* A variable of TX against a number. Only a match makes text of it. */
static int run_compare(struct rule_run *run)
{
    struct waf_transaction *t = run->t;
    const struct link_plan *p = run->link_plan;
    const struct target *target = run->link->targets;
    struct tx_value *v = &t->tx.slots[p->slot];
    if (v->kind == TX_ABSENT && !p->is_count)
        return 0;
    int64_t left = p->is_count ? v->kind != TX_ABSENT : tx_number(v);
    int64_t right = p->right_slot == WAF_NONE ? p->right : tx_number(&t->tx.slots[p->right_slot]);
    if (compare(p->compare, left, right) == ((run->link->flags & LINK_NEGATED) != 0))
        return 0;
    struct item item = { .name = target->name };
    struct subject s = { .name = { target, target->variable, target->name }, .item = &item };
    if (t->removals) {
        int excluded = is_excluded(run, &s);
        if (excluded != 0)
            return excluded < 0 ? excluded : 0;
    }
    TRY(p->is_count ? scalar_number(t, left, &item.raw.bytes)
                    : tx_text(v, t->arena, &item.raw.bytes));
    slice argument;
    if (run->found)
        TRY(argument_of(run, &argument));
    struct operator_match none = { 0 };
    return on_match(run, &s, &item.raw, 0, &none);
}

/* SecAction: matches, and nothing is its value. */
static int run_action(struct rule_run *run)
{
    struct waf_transaction *t = run->t;
    run->has_matched = true;
    if (run->found)
        run->found[run->link_index] =
            (struct found){ .finding = { .link = run->link_index, .variable = VARIABLE_COUNT } };
    TRY(action_run(t, run->rule, run->link, &run->score));
    return run->link_index + 1 < run->rule->link_count ? 0 : decision_match(run);
}

int link_run(struct rule_run *run)
{
    run->has_matched = false;
    switch (run->link_plan->kind) {
    case LINK_KIND_ACTION:
        return run_action(run);
    case LINK_KIND_COMPARE:
        return run_compare(run);
    case LINK_KIND_VALUES:
        break;
    }
    if (run->link_plan->view != WAF_NONE && run->link_index > 0) { /* of the first, phase.c has */
        const uint64_t *candidates;
        TRY(view_candidates(run->t, run->link_plan->view, &candidates));
        (void)recall_counts(run->t, run->link->need);
        if (!candidates_have(candidates, run->link->need))
            return 0;
    }
    for (unsigned i = 0; i < run->link->target_count && !run->is_stopped; i++)
        TRY(run_target(run, &run->link->targets[i], &run->link_plan->targets[i]));
    return 0;
}
