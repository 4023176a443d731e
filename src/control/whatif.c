#include "control/whatif.h"

#include "filters/waf.h"
#include "filters/waf_shown.h"
#include "proxy/waf_settings.h"

/* --- Runs ------------------------------------------------------------------------------------- */

/* Where it came in, as this configuration has it. */
static bool find_listener(const struct configuration *c, slice text, uint32_t *ret)
{
    *ret = 0;
    for (uint32_t i = 0; text.len && i < c->listen_count; i++)
        if (slice_equal(c->listens[i].text, text)) {
            *ret = i;
            return true;
        }
    return text.len == 0 && c->listen_count;
}

/* A doubt, or DOUBTS. */
static enum whatif_doubt run_one(const struct configuration *c, const struct recorded *r,
                                 struct arena *a, struct dry_result *ret)
{
    struct dry_request request = r->request;
    if (!find_listener(c, r->listener, &request.listener))
        return DOUBT_LISTENER;
    return dry_run(c, &request, a, ret) == 0 ? DOUBTS : DOUBT_MEMORY;
}

/* --- What a run comes to ---------------------------------------------------------------------- */

enum state { PASSES, WOULD_REFUSE, REFUSES };

bool whatif_redirects(const struct dry_result *run)
{
    return run->outcome == DRY_ANSWERED && run->transaction &&
           waf_decision(run->transaction)->disposition == WAF_REDIRECT;
}

static enum state state_of(const struct dry_result *run)
{
    if (run->outcome == DRY_REFUSED || whatif_redirects(run))
        return REFUSES;
    return run->would_refuse ? WOULD_REFUSE : PASSES;
}

static bool went_through(const struct recorded *r)
{
    return r->reason.len == 0 || r->has_server || slice_equal(r->fault, SLICE("upstream"));
}

/* The origin was asked, and what it answered refused. */
static bool was_refused_response(const struct recorded *r)
{
    return r->has_server && slice_equal(r->fault, SLICE("policy"));
}

static enum state state_then(const struct recorded *r)
{
    if (!went_through(r) || was_refused_response(r))
        return REFUSES;
    return r->would_refuse ? WOULD_REFUSE : PASSES;
}

slice whatif_stage(const struct dry_result *run, const char *name)
{
    for (const struct dry_stage *s = run->stages; s; s = s->next)
        if (strcmp(s->name, name) == 0)
            return s->verdict;
    return slice_of("", 0);
}

/* Both refuse or neither does; whether for the same reason, or with the same answer. */
static bool is_same(const struct dry_result *a, const struct dry_result *b)
{
    static const char *const stages[] = { "answer", "origin", "sent" };
    if (a->outcome != b->outcome || a->status != b->status || strcmp(a->reason, b->reason) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(stages); i++)
        if (!slice_equal(whatif_stage(a, stages[i]), whatif_stage(b, stages[i])))
            return false;
    return !whatif_redirects(a) || !whatif_redirects(b) ||
           slice_equal(waf_decision(a->transaction)->location,
                       waf_decision(b->transaction)->location);
}

static enum whatif_class compare(enum state before, enum state after)
{
    static const enum whatif_class classes[3][3] = {
        { WHATIF_SAME, WHATIF_SHADOW_MORE, WHATIF_REFUSED },
        { WHATIF_SHADOW_FEWER, WHATIF_SAME, WHATIF_REFUSED },
        { WHATIF_LET_THROUGH, WHATIF_LET_THROUGH, WHATIF_SAME }
    };
    return classes[before][after];
}

/* --- Whether it was decided so then ----------------------------------------------------------- */

static bool is_where_it_was(const struct dry_result *run, const struct recorded *r)
{
    slice label = run->route ? run->route->label : SLICE("");
    slice site = run->site ? run->site->name : SLICE("");
    return r->site.len == 0 || (slice_equal(site, r->site) && slice_equal(label, r->route));
}

static bool says_it_again(const struct dry_result *run, const struct recorded *r)
{
    bool is_open = run->lacks_response;
    bool same_shadow = (is_open && r->has_responses) || run->would_refuse == r->would_refuse;
    bool is_refused_later = run->transaction && !is_open && was_refused_response(r);
    switch (run->outcome) {
    case DRY_REFUSED:
        return slice_equal(slice_from(run->reason), r->reason) &&
               (run->status == 0 || run->status == r->status);
    case DRY_ANSWERED:
        return r->reason.len == 0 && run->status == r->status && is_where_it_was(run, r);
    case DRY_FORWARDED:
        break;
    }
    return went_through(r) && !is_refused_later && same_shadow && is_where_it_was(run, r);
}

/* --- Rules ------------------------------------------------------------------------------------ */

static const struct waf_decision *decision_of(const struct dry_result *run)
{
    return run->would_refuse ? waf_would_be(run->transaction) : waf_decision(run->transaction);
}

static bool is_of_response(unsigned phase)
{
    return phase > WAF_REQUEST_BODY;
}

/* What rules have found in a request decides nothing about its response. */
static bool may_contribute(const struct waf_match *m, const struct waf_decision *d)
{
    return !d->rule || is_of_response(m->phase) == is_of_response(d->phase);
}

bool whatif_rules(const struct dry_result *run,
                  void (*each)(void *context, const struct waf_match *m), void *context)
{
    bool any = false;
    if (!run->transaction)
        return false;
    const struct waf_decision *d = decision_of(run);
    for (const struct waf_match *m = waf_matches(run->transaction); m; m = m->next)
        if (waf_is_told(m) && m->score > 0 && may_contribute(m, d)) {
            each(context, m);
            any = true;
        }
    for (const struct waf_match *m = waf_matches(run->transaction); m && !any; m = m->next)
        if (m->rule == d->rule) {
            each(context, m);
            any = true;
        }
    return any;
}

static void look_for_secret(void *context, const struct waf_match *m)
{
    for (unsigned i = 0; i < m->findings; i++)
        *(bool *)context |= waf_finding_is_secret(&m->finding[i]);
}

static bool finds_in_secrets(const struct dry_result *run)
{
    bool found = false;
    (void)whatif_rules(run, look_for_secret, &found);
    return found;
}

/* --- Whether both ask the same of a value ------------------------------------------------------
 */

static slice digest_of(const struct configuration *c, const struct ruleset *rules)
{
    for (const struct waf_rules *r = c->rulesets; r; r = r->next)
        if (r->rules == rules)
            return r->digest;
    return slice_of("", 0);
}

static bool same_exclusions(const struct waf_settings *a, const struct waf_settings *b)
{
    if (a->exclusion_count != b->exclusion_count || a->shadow_count != b->shadow_count)
        return false;
    for (uint32_t i = 0; i < a->exclusion_count; i++) {
        const struct waf_exclusion *x = &a->exclusions[i], *y = &b->exclusions[i];
        if (x->first_id != y->first_id || x->last_id != y->last_id || x->place != y->place ||
            x->path_is_prefix != y->path_is_prefix || x->until_s != y->until_s ||
            !slice_equal(x->attack, y->attack) || !slice_equal(x->name, y->name) ||
            !slice_equal(x->path, y->path))
            return false;
    }
    for (uint32_t i = 0; i < a->shadow_count; i++)
        if (a->shadows[i].first != b->shadows[i].first || a->shadows[i].last != b->shadows[i].last)
            return false;
    return true;
}

/* How long one is held does not matter: bodies are not there. */
static bool same_of_responses(const struct waf_settings *a, const struct waf_settings *b)
{
    if (a->response_bytes_max != b->response_bytes_max ||
        a->response_type_count != b->response_type_count ||
        waf_outbound_threshold(a) != waf_outbound_threshold(b))
        return false;
    for (uint32_t i = 0; i < a->response_type_count; i++)
        if (!slice_equal_fold(a->response_types[i], b->response_types[i]))
            return false;
    return true;
}

static bool same_rules(const struct configuration *before, const struct waf_settings *a,
                       const struct configuration *after, const struct waf_settings *b)
{
    return a && b && a->source.kind == b->source.kind && a->mode == b->mode &&
           slice_equal(digest_of(before, a->rules), digest_of(after, b->rules)) &&
           waf_paranoia(a) == waf_paranoia(b) && waf_threshold(a) == waf_threshold(b) &&
           a->body_bytes_max == b->body_bytes_max && a->inspects_base64 == b->inspects_base64 &&
           a->inspects_headers == b->inspects_headers && same_of_responses(a, b) &&
           same_exclusions(a, b);
}

/* Routes that are chosen by what may be masked. */
static bool chooses_by_secrets(const struct site *site)
{
    for (uint32_t i = 0; site && i < site->route_count; i++)
        for (uint32_t j = 0; j < site->routes[i].condition_count; j++)
            switch (site->routes[i].conditions[j].kind) {
            case CONDITION_HEADER:
            case CONDITION_QUERY:
            case CONDITION_COOKIE:
                return true;
            case CONDITION_METHOD:
            case CONDITION_IP:
            case CONDITION_JA4:
            case CONDITION_H2:
                break;
            }
    return false;
}

/* --- The verdict ------------------------------------------------------------------------------ */

/* Rules have found something in the response, as far as it is known. */
static bool finds_in_response(const struct dry_result *run)
{
    for (const struct waf_match *m = run->transaction ? waf_matches(run->transaction) : NULL; m;
         m = m->next)
        if (waf_is_told(m) && is_of_response(m->phase))
            return true;
    return false;
}

static void note_limits(struct whatif_verdict *v, const struct configuration *before,
                        const struct configuration *after, const struct recorded *r,
                        bool is_of_before)
{
    if (slice_equal(before->digest, after->digest))
        return; /* whatever it is, both do the same */
    bool same = !v->after.waf || same_rules(before, v->before.waf, after, v->after.waf);
    bool saw_response = r->response_masked && (v->before.saw_response || v->after.saw_response);
    v->masks_matter =
        (r->masked && (!same || chooses_by_secrets(v->after.site))) || (saw_response && !same);
    v->responses_matter =
        !same && (v->after.lacks_response || (v->before.lacks_response && !is_of_before));
    v->counts_matter = !same && (v->before.has_collections || v->after.has_collections);
    v->lists_matter = !same && (v->before.wanted_lists || v->after.wanted_lists);
}

/* Whether what rules made of the response matters, and is not known: of `before` it is known where
 * that has decided then. */
static bool depends_on_response(const struct whatif_verdict *v, const struct recorded *r,
                                bool is_of_before)
{
    bool has_found = was_refused_response(r) || r->has_responses || finds_in_response(&v->before) ||
                     finds_in_response(&v->after);
    if (v->after.lacks_response)
        return v->responses_matter && has_found;
    return v->before.lacks_response && !is_of_before && was_refused_response(r);
}

static bool has_masked(const struct whatif_verdict *v, const struct recorded *r)
{
    return r->masked || (r->response_masked && (v->before.saw_response || v->after.saw_response));
}

/* What keeps both runs from being compared; DOUBTS: nothing. */
static enum whatif_doubt doubt_of(struct whatif_verdict *v, const struct recorded *r,
                                  bool is_of_before)
{
    if (r->body_is_missing || r->body_is_cut) {
        v->by_record = v->before.looked_at_body && !v->after.looked_at_body && is_of_before;
        if (v->after.looked_at_body || (v->before.looked_at_body && !v->by_record))
            return r->body_is_cut ? DOUBT_BODY_CUT : DOUBT_BODY_MISSING;
    }
    if (v->after.wants_certificate && !v->before.wants_certificate)
        return DOUBT_CERTIFICATE;
    if (depends_on_response(v, r, is_of_before))
        return DOUBT_RESPONSE;
    v->by_record |= is_of_before && v->before.lacks_response && !v->after.lacks_response &&
                    was_refused_response(r);
    v->is_not_again = is_of_before && !v->by_record && !says_it_again(&v->before, r);
    if (v->is_not_again)
        return has_masked(v, r) ? DOUBT_MASKED : DOUBT_NOT_AGAIN;
    return DOUBTS;
}

static bool is_same_as_then(const struct dry_result *run, const struct recorded *r)
{
    return run->outcome != DRY_REFUSED || slice_equal(slice_from(run->reason), r->reason);
}

static void decide(struct whatif_verdict *v, const struct recorded *r)
{
    enum state before = v->by_record ? state_then(r) : state_of(&v->before);
    bool same = v->by_record ? is_same_as_then(&v->after, r) : is_same(&v->before, &v->after);
    v->class = compare(before, state_of(&v->after));
    if (v->class == WHATIF_SAME && !same)
        v->class = WHATIF_OTHERWISE;
    if (v->class == WHATIF_SAME || !has_masked(v, r))
        return;
    if (finds_in_secrets(&v->before) || finds_in_secrets(&v->after)) {
        v->class = WHATIF_UNJUDGED;
        v->doubt = DOUBT_MASKED_FINDING;
    }
}

void whatif_judge(const struct configuration *before, const struct configuration *after,
                  const struct recorded *r, struct arena *a, struct whatif_verdict *ret)
{
    bool is_of_before = r->configuration.len && slice_equal(r->configuration, before->digest);
    *ret = (struct whatif_verdict){ .class = WHATIF_UNJUDGED, .doubt = DOUBT_HEAD_CUT };
    ret->was_other = r->configuration.len && !is_of_before;
    if (r->head_is_cut)
        return;
    ret->doubt = run_one(before, r, a, &ret->before);
    if (ret->doubt == DOUBTS)
        ret->doubt = run_one(after, r, a, &ret->after);
    if (ret->doubt != DOUBTS)
        return;
    ret->has_runs = true;
    note_limits(ret, before, after, r, is_of_before);
    ret->doubt = doubt_of(ret, r, is_of_before);
    if (ret->doubt == DOUBTS)
        decide(ret, r);
}

void whatif_release(struct whatif_verdict *v)
{
    dry_release(&v->before);
    dry_release(&v->after);
}
