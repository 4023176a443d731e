/* Counts every exchange, in this worker's block of the shared counters. */
#include "filters/filters.h"
#include "filters/waf.h"
#include "proxy/gate_state.h"
#include "proxy/upstream.h"
#include "proxy/waf_settings.h"

void metrics_count_reason(const char *reason, bool is_refusal)
{
    uint32_t row = counters_find_reason(gate.shared.reason_rows, slice_from(reason));
    (is_refusal ? gate.counters->refusals : gate.counters->failures)[row]++;
}

static uint32_t site_row(const struct exchange *x)
{
    return x->site ? x->site->counter_row : COUNTER_SITES_MAX - 1;
}

/* Every rule that is told counts once. What one rule finds in several values stands together. */
static void count_rules(const struct exchange *x)
{
    const struct waf_transaction *t = x->waf->transaction;
    const struct rule *last = NULL;
    if (!t)
        return; /* nothing was found */
    enum rule_verdict verdict = waf_verdict(t);
    for (const struct waf_match *m = waf_matches(t); m; m = m->next) {
        if (m->rule == last || !waf_is_told(m))
            continue;
        last = m->rule;
        struct rule_key key = { .site = site_row(x),
                                .rule = m->rule->id,
                                .is_shadow =
                                    m->is_shadow || x->waf->settings->mode == WAF_MODE_SHADOW };
        uint32_t row = gate.shared.rule_rows ? counters_rule_row(gate.shared.rule_rows, key)
                                             : COUNTER_RULES_MAX - 1;
        gate.counters->rules[row].exchanges[verdict]++;
    }
}

static void on_finish(struct exchange *x)
{
    struct worker_counters *all = gate.counters;
    struct site_counters *site = &all->sites[site_row(x)];
    unsigned class = x->status / 100 < 6 ? x->status / 100 : 0;
    all->requests++;
    all->bytes_in += x->bytes_in;
    all->bytes_out += x->bytes_out;
    site->requests++;
    site->status[class]++;
    site->bytes_in += x->bytes_in;
    site->bytes_out += x->bytes_out;
    if (!x->is_tunnel)
        histogram_add(&site->duration, x->times.end - x->times.begin);
    if (x->waf && (x->waf->transaction || x->waf->is_logged)) {
        site->judged++;
        site->judging_us += waf_time_us(x);
        count_rules(x);
    }
    if (x->waf && x->waf->unjudged)
        site->unjudged++;
    if (x->failure.whose != FAULT_NONE)
        metrics_count_reason(x->failure.reason, failure_is_refusal(&x->failure));
    if (failure_is_refusal(&x->failure)) {
        all->refused++;
        site->refused++;
    }
}

const struct filter metrics_filter = {
    .on_finish = on_finish,
};
