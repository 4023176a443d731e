/* What a link does by itself each time one of its values matches: setvar and its like, ctl,
 * collections. Whether the chain goes on to match does not matter (ModSecurity 2). */
#include <errno.h>

#include "waf/engine/number_text.h"
#include "waf/engine/transaction.h"

static int lower_copy(struct waf_transaction *t, slice name, slice *ret)
{
    char *copy = arena_take_bytes(t->arena, name.len + 1);
    if (!copy)
        return -ENOMEM;
    for (size_t at = 0; at < name.len; at += WORK_BLOCK) {
        slice block = slice_first(slice_after(name, at), WORK_BLOCK);
        for (size_t i = 0; i < block.len; i++)
            copy[at + i] = ascii_lower(block.ptr[i]);
        TRY(work_spend(t->work, block.len));
    }
    *ret = slice_of(copy, name.len);
    return 0;
}

static bool is_text(const struct macro *m)
{
    return m->count == 1 && m->pieces[0].kind == MACRO_TEXT;
}

static int name_of(struct waf_transaction *t, const struct set_action *s, slice *ret)
{
    if (is_text(&s->name)) {
        *ret = s->name.pieces[0].text;
        return 0;
    }
    slice expanded;
    TRY(macro_expand(t, &s->name, &expanded));
    return lower_copy(t, expanded, ret);
}

/* The variable that is set; NULL when it is to be deleted and is not there. */
static int tx_of(struct waf_transaction *t, const struct set_action *s, struct tx_value **ret,
                 slice *ret_name)
{
    uint32_t slot = s->slot;
    if (slot == WAF_NONE || !is_text(&s->name)) {
        TRY(name_of(t, s, ret_name));
        slot = plan_slot(t->rules, *ret_name);
    } else {
        *ret_name = t->rules->tx_names[slot];
    }
    if (slot != WAF_NONE) {
        *ret = &t->tx.slots[slot];
        return 0;
    }
    if (s->kind != SET_DELETE)
        return tx_name_make(&t->tx.names, t->arena, *ret_name, ret);
    *ret = tx_name_find(&t->tx.names, *ret_name);
    return 0;
}

/* The value as a number; most are one variable of TX, and no text is made of that. */
static int number_of(struct waf_transaction *t, const struct macro *m, int64_t *ret)
{
    const struct macro_piece *piece = m->pieces;
    if (m->count == 1 && piece->kind == MACRO_VARIABLE && piece->variable == VARIABLE_TX &&
        piece->slot != WAF_NONE) {
        *ret = tx_number(&t->tx.slots[piece->slot]);
        return 0;
    }
    slice text;
    TRY(macro_expand(t, m, &text));
    *ret = number_of_text(text);
    return 0;
}

static int64_t within_counter(int64_t value)
{
    /* ModSecurity 2: "Counters never go below zero." */
    return value < 0 ? 0 : value > INT32_MAX ? INT32_MAX : value;
}

static int tx_change(struct waf_transaction *t, const struct set_action *s, struct tx_value *v)
{
    int64_t number;
    slice text;
    switch (s->kind) {
    case SET_ASSIGN:
        TRY(macro_expand(t, &s->value, &text));
        tx_set(v, text);
        return 0;
    case SET_ADD:
    case SET_SUBTRACT:
        TRY(number_of(t, &s->value, &number));
        number = s->kind == SET_ADD ? number : -number;
        tx_set_number(v, within_counter(tx_number(v) + number));
        return 0;
    case SET_DELETE:
        *v = (struct tx_value){ 0 };
        return 0;
    case SET_DEPRECATE: /* refused at load for TX */
        return 0;
    }
    return 0;
}

/* "tx.critical_anomaly_score" and its like are what a match is worth. */
static bool is_worth(slice name)
{
    static const slice worths[] = { SLICE("critical_"), SLICE("error_"), SLICE("warning_"),
                                    SLICE("notice_") };
    for (size_t i = 0; i < ARRAY_LENGTH(worths); i++)
        if (slice_starts_with(name, worths[i]))
            return true;
    return false;
}

/* A rule that adds a score to another: nothing new has been found. */
static bool adds_up(const struct macro *value)
{
    const struct macro_piece *piece = value->pieces;
    return value->count == 1 && piece->kind == MACRO_VARIABLE && piece->variable == VARIABLE_TX &&
           plan_name_is_score(piece->text) && !is_worth(piece->text);
}

/* *score: becomes what the variable has gained, where that is more */
static int set_tx(struct waf_transaction *t, const struct rule *rule, const struct set_action *s,
                  int64_t *score)
{
    struct tx_value *v = NULL;
    slice name;
    if (s->is_expiry) /* nothing of a transaction outlives it */
        return 0;
    TRY(tx_of(t, s, &v, &name));
    bool is_score = (s->kind == SET_ADD || s->kind == SET_SUBTRACT) && plan_name_is_score(name);
    if (!v || (is_score && action_is_shadowed(t, rule)))
        return 0;
    int64_t before = is_score ? tx_number(v) : 0;
    TRY(tx_change(t, s, v));
    /* Categories repeat what the score of the level counts. */
    if (is_score && slice_find(name, SLICE("anomaly_score")) < name.len && !adds_up(&s->value))
        *score = tx_number(v) - before > *score ? tx_number(v) - before : *score;
    return 0;
}

static int set_environment(struct waf_transaction *t, const struct set_action *s)
{
    slice name, value;
    struct tx_value *v;
    TRY(name_of(t, s, &name));
    TRY(macro_expand(t, &s->value, &value));
    TRY(tx_name_make(&t->env, t->arena, name, &v));
    if (s->kind == SET_DELETE)
        *v = (struct tx_value){ 0 };
    else
        tx_set(v, value);
    return 0;
}

static int set_run(struct waf_transaction *t, const struct rule *rule, const struct set_action *s,
                   int64_t *score)
{
    slice name, value;
    if (s->collection == VARIABLE_TX)
        return set_tx(t, rule, s, score);
    if (s->collection == VARIABLE_ENV)
        return set_environment(t, s);
    TRY(name_of(t, s, &name));
    TRY(macro_expand(t, &s->value, &value));
    return kept_set(t, s, name, value);
}

/* The rules a ctl means: known since loading, or now that its text is expanded. */
static int ctl_rules(struct waf_transaction *t, const struct ctl_action *ctl,
                     const uint64_t **ret_rules)
{
    slice text;
    *ret_rules = ctl->rules;
    if (ctl->rules)
        return 0;
    TRY(macro_expand(t, &ctl->text, &text));
    uint64_t *set = arena_take_array(t->arena, t->plan->rule_words, sizeof(*set));
    if (!set)
        return -ENOMEM;
    *ret_rules = set;
    return plan_ctl_rules(t->rules, ctl, text, set, t->work);
}

static int remove_rules(struct waf_transaction *t, const struct ctl_action *ctl)
{
    const uint64_t *rules;
    TRY(ctl_rules(t, ctl, &rules));
    if (!t->removed)
        t->removed = arena_take_array(t->arena, t->plan->rule_words, sizeof(*t->removed));
    if (!t->removed)
        return -ENOMEM;
    for (unsigned i = 0; i < t->plan->rule_words; i++)
        t->removed[i] |= rules[i];
    return 0;
}

static int remove_target(struct waf_transaction *t, const struct ctl_action *ctl)
{
    for (const struct removal *r = t->removals; r; r = r->next)
        if (ctl->rules && r->rules == ctl->rules && r->target == &ctl->target)
            return 0;
    struct removal *made = arena_take(t->arena, sizeof(*made));
    if (!made)
        return -ENOMEM;
    TRY(ctl_rules(t, ctl, &made->rules));
    made->target = &ctl->target;
    made->next = t->removals;
    t->removals = made;
    return 0;
}

static void set_audit_parts(struct waf_transaction *t, const struct ctl_action *ctl)
{
    uint32_t parts = (uint32_t)ctl->number;
    t->audit_parts = ctl->change == SET_ADD        ? t->audit_parts | parts
                     : ctl->change == SET_SUBTRACT ? t->audit_parts & ~parts
                                                   : parts;
}

static int set_processor(struct waf_transaction *t, const struct ctl_action *ctl)
{
    static const slice known[] = {
        { "URLENCODED", 10 }, { "MULTIPART", 9 }, { "JSON", 4 }, { "XML", 3 }, { "TEXT", 4 }
    };
    slice text;
    TRY(macro_expand(t, &ctl->text, &text));
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (slice_equal_fold(known[i], text))
            t->body.processor = known[i];
    return 0;
}

static int ctl_run(struct waf_transaction *t, const struct ctl_action *ctl)
{
    switch (ctl->kind) {
    case CTL_RULE_ENGINE:
        t->mode = (enum waf_mode)ctl->number;
        return 0;
    case CTL_RULE_REMOVE_BY_ID:
    case CTL_RULE_REMOVE_BY_TAG:
    case CTL_RULE_REMOVE_BY_MSG:
        return remove_rules(t, ctl);
    case CTL_RULE_REMOVE_TARGET_BY_ID:
    case CTL_RULE_REMOVE_TARGET_BY_TAG:
    case CTL_RULE_REMOVE_TARGET_BY_MSG:
        return remove_target(t, ctl);
    case CTL_REQUEST_BODY_ACCESS:
        t->has_request_body = ctl->number != 0;
        return 0;
    case CTL_REQUEST_BODY_PROCESSOR:
        return set_processor(t, ctl);
    case CTL_FORCE_REQUEST_BODY_VARIABLE:
        t->body.is_forced = ctl->number != 0;
        return 0;
    case CTL_REQUEST_BODY_LIMIT:
        t->request_body_bytes_max = (uint64_t)ctl->number;
        return 0;
    case CTL_RESPONSE_BODY_ACCESS:
        t->has_response_body = ctl->number != 0;
        return 0;
    case CTL_RESPONSE_BODY_LIMIT:
        t->response_body_bytes_max = (uint64_t)ctl->number;
        return 0;
    case CTL_AUDIT_ENGINE:
        t->audit_engine = (enum audit_engine)ctl->number;
        return 0;
    case CTL_AUDIT_LOG_PARTS:
        set_audit_parts(t, ctl);
        return 0;
    case CTL_DEBUG_LOG_LEVEL:
    case CTL_HASH_ENGINE:
        return 0;
    }
    return 0;
}

bool action_is_shadowed(const struct waf_transaction *t, const struct rule *rule)
{
    for (unsigned i = 0; i < t->world.shadow_rule_count; i++)
        if (rule->id >= t->world.shadow_rules[i].first && rule->id <= t->world.shadow_rules[i].last)
            return true;
    return false;
}

int action_run(struct waf_transaction *t, const struct rule *rule, const struct link *link,
               int64_t *score)
{
    for (unsigned i = 0; i < link->initcol_count; i++) {
        slice key;
        TRY(macro_expand(t, &link->initcols[i].key, &key));
        TRY(kept_init(t, link->initcols[i].collection, key));
    }
    /* Version 3 of the Core Rule Set counts one finding twice: in "outbound_anomaly_score_pl1" and
     * in "anomaly_score_pl1". */
    int64_t gain = INT64_MIN;
    for (unsigned i = 0; i < link->set_count; i++)
        TRY(set_run(t, rule, &link->sets[i], &gain));
    *score += gain == INT64_MIN ? 0 : gain;
    for (unsigned i = 0; i < link->ctl_count; i++)
        TRY(ctl_run(t, &link->ctls[i]));
    return 0;
}

int waf_apply(struct waf_transaction *t, const struct ctl_action *action)
{
    return ctl_run(t, action);
}
