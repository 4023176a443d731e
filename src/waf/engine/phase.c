/* The rules of a phase, in the order of the files. */
#include <errno.h>

#include "waf/engine/transaction.h"

static bool is_removed(const struct waf_transaction *t, const struct rule *r)
{
    return t->removed && (t->removed[r->index >> 6] >> (r->index & 63) & 1);
}

/* Room for what the rule's links find, which all rules of the transaction use in turn. */
static int found_of(struct waf_transaction *t, const struct rule *r, struct found **ret)
{
    if (t->found_room < r->link_count) {
        unsigned room = r->link_count < 8 ? 8 : r->link_count;
        t->found = arena_take_array(t->arena, room, sizeof(*t->found));
        if (!t->found)
            return -ENOMEM;
        t->found_room = room;
    }
    *ret = t->found;
    return 0;
}

/* Every link must match for the next one to be looked at. *ret_matched: all did. */
static int rule_run(struct waf_transaction *t, const struct rule *r, bool *ret_matched)
{
    struct rule_run run = { .t = t, .rule = r, .plan = &t->plan->rules[r->index] };
    *ret_matched = false;
    t->rule = r;
    t->counts.rules++;
    if (run.plan->is_told)
        TRY(found_of(t, r, &run.found));
    for (unsigned i = 0; i < r->link_count; i++) {
        run.link_index = i;
        run.link = &r->links[i];
        run.link_plan = &run.plan->links[i];
        t->matched_now = !t->matched_now;
        t->matched[t->matched_now].count = 0;
        TRY(link_run(&run));
        if (!run.has_matched)
            return 0;
    }
    *ret_matched = true;
    return 0;
}

/* Passes over rules that no value they look at can match: nothing comes of them. *at: where to go
 * on. 0 · -errno */
static int pass_over(struct waf_transaction *t, const struct rule_phase *p,
                     const struct rule_screen *screens, unsigned *at)
{
    unsigned from = *at;
    for (; *at < p->count && screens[*at].view != WAF_NONE; ++*at) {
        const struct rule_screen *screen = &screens[*at];
        const uint64_t *candidates = t->views[screen->view];
        if (!candidates) {
            t->rule = p->rules[*at];
            TRY(view_candidates(t, screen->view, &candidates));
        }
        (void)recall_counts(t, screen->need);
        if (candidates_have(candidates, screen->need))
            break;
    }
    t->counts.rules += *at - from;
    return 0;
}

/* Where the phase goes on after a rule that matched. */
static unsigned next_after(const struct rule *r, unsigned at)
{
    if (r->skip_to != WAF_NONE)
        return r->skip_to;
    return at + 1 + r->skip;
}

static int phase_run(struct waf_transaction *t, enum waf_phase phase)
{
    const struct rule_phase *p = &t->rules->phases[phase];
    const struct rule_screen *screens = t->plan->screens[phase];
    for (unsigned at = 0;;) {
        bool has_matched = false;
        TRY(pass_over(t, p, screens, &at));
        if (at >= p->count) /* `skip` may lead behind the end */
            return 0;
        const struct rule *r = p->rules[at];
        if (!is_removed(t, r))
            TRY(rule_run(t, r, &has_matched));
        if (t->mode == WAF_OFF || (t->is_over && phase != WAF_LOGGING) ||
            (t->allowed_until > phase && phase != WAF_LOGGING))
            return 0;
        at = has_matched ? next_after(r, at) : at + 1;
    }
}

int waf_run(struct waf_transaction *t, enum waf_phase phase)
{
    if (t->mode == WAF_OFF)
        return 0;
    if (phase != WAF_LOGGING && (t->is_over || t->allowed_until > phase))
        return 0;
    t->phase = phase;
    /* Sources grow between phases, never within one. */
    memset(t->views, 0, t->plan->view_count * sizeof(*t->views));
    if (phase == WAF_REQUEST_HEADERS)
        body_choose_processor(t);
    int result = phase_run(t, phase);
    if (result == 0 && phase != WAF_LOGGING)
        t->rule = NULL;
    else if (result != 0 && phase != WAF_LOGGING)
        t->is_over = true;
    if (!t->is_over) /* of what is refused nothing is worth a place */
        recall_learn(t);
    return result;
}
