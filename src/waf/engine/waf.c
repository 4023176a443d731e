/* A transaction from outside: how it begins, and what is read from it. */
#include "waf/waf.h"

#include <errno.h>

#include "waf/engine/transaction.h"

int waf_open(const struct ruleset *rules, const struct waf_world *world, struct arena *arena,
             struct work *work, struct waf_transaction **ret)
{
    const struct waf_directives *d = &rules->directives;
    struct waf_transaction *t = arena_take(arena, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->tx.slots = arena_take_array(arena, rules->tx_count + 1, sizeof(*t->tx.slots));
    t->views = arena_take_array(arena, rules->plan->view_count + 1, sizeof(*t->views));
    if (!t->tx.slots || !t->views)
        return -ENOMEM;
    t->rules = rules;
    t->plan = rules->plan;
    t->world = *world;
    if (world->remembers && rules->known) {
        t->known = rules->known;
        t->needs = *known_needs_of(t->known);
    }
    t->arena = arena;
    t->work = work;
    t->work_before = work_spent(work);
    t->mode = d->mode;
    t->has_request_body = d->has_request_body;
    t->has_response_body = d->has_response_body;
    t->request_body_bytes_max = d->request_body_bytes_max;
    t->response_body_bytes_max = d->response_body_bytes_max;
    t->audit_engine = d->audit_engine;
    t->audit_parts = d->audit_parts;
    t->highest_severity = SEVERITY_NONE;
    t->matches_end = &t->matches;
    collect_open(t);
    *ret = t;
    return 0;
}

int waf_set_variable(struct waf_transaction *t, slice name, slice value)
{
    char *lower = arena_take(t->arena, name.len + 1);
    struct tx_value *v = NULL;
    if (!lower)
        return -ENOMEM;
    for (size_t i = 0; i < name.len; i++)
        lower[i] = ascii_lower(name.ptr[i]);
    name = slice_of(lower, name.len);
    uint32_t slot = plan_slot(t->rules, name);
    if (slot != WAF_NONE)
        v = &t->tx.slots[slot];
    else
        TRY(tx_name_make(&t->tx.names, t->arena, name, &v));
    tx_set(v, value);
    return 0;
}

void waf_set_elapsed(struct waf_transaction *t, int64_t elapsed_ms)
{
    t->elapsed_ms = elapsed_ms;
}

const struct waf_decision *waf_decision(const struct waf_transaction *t)
{
    return &t->decision;
}

const struct waf_decision *waf_would_be(const struct waf_transaction *t)
{
    return &t->would_be;
}

const struct waf_match *waf_matches(const struct waf_transaction *t)
{
    return t->matches;
}

const struct rule *waf_current_rule(const struct waf_transaction *t)
{
    return t->rule;
}

bool waf_score(const struct waf_transaction *t, slice name, int64_t *ret_value)
{
    uint32_t slot = plan_slot(t->rules, name);
    if (slot == WAF_NONE || t->tx.slots[slot].kind != TX_NUMBER)
        return false;
    *ret_value = t->tx.slots[slot].number;
    return true;
}

void waf_scores(const struct waf_transaction *t,
                void (*each)(void *context, slice name, int64_t value), void *context)
{
    for (uint32_t i = 0; i < t->rules->tx_count; i++) {
        const struct tx_value *v = &t->tx.slots[i];
        if (t->plan->tx_is_score[i] && v->kind == TX_NUMBER && v->number != 0)
            each(context, t->rules->tx_names[i], v->number);
    }
}

struct waf_counts waf_counts(const struct waf_transaction *t)
{
    struct waf_counts counts = t->counts;
    counts.steps = work_spent(t->work) - t->work_before;
    return counts;
}

bool waf_is_audited(const struct waf_transaction *t, unsigned status, bool is_relevant)
{
    const uint64_t *relevant = t->rules->directives.audit_statuses;
    switch (t->audit_engine) {
    case AUDIT_OFF:
        return false;
    case AUDIT_ON:
        return true;
    case AUDIT_RELEVANT:
        break;
    }
    return t->is_audited || is_relevant ||
           (status < AUDIT_STATUSES && (relevant[status / 64] >> status % 64 & 1));
}

uint32_t waf_audit_parts(const struct waf_transaction *t)
{
    return t->audit_parts;
}
