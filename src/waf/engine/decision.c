/* A rule matched: what is told of it, and what it does to the transaction. */
#include <errno.h>

#include "base/number.h"
#include "base/writer.h"
#include "waf/engine/transaction.h"
#include "waf/operators/operator.h"

enum { FOUND = 302, FORBIDDEN = 403 };

/* Of a Location: as much as browsers and servers take for a URL. */
enum { LOCATION_BYTES_MAX = 8192 };

/* What it costs to keep all that is told of a match. */
enum { TOLD_STEPS = 256 };

static enum waf_disposition disposition_of(enum disruption d)
{
    switch (d) {
    case DISRUPT_PASS:
        return WAF_PASS;
    case DISRUPT_ALLOW:
    case DISRUPT_ALLOW_PHASE:
    case DISRUPT_ALLOW_REQUEST:
        return WAF_ALLOW;
    case DISRUPT_DENY:
        return WAF_DENY;
    case DISRUPT_DROP:
        return WAF_DROP;
    case DISRUPT_REDIRECT:
        return WAF_REDIRECT;
    }
    return WAF_PASS;
}

/* Phases below this one are not run any more. */
static unsigned allowed_until(enum disruption d, unsigned phase)
{
    if (d == DISRUPT_ALLOW_REQUEST)
        return WAF_RESPONSE_HEADERS;
    return d == DISRUPT_ALLOW_PHASE ? phase + 1 : WAF_LOGGING;
}

static unsigned status_of(const struct rule *r)
{
    if (r->disruption == DISRUPT_REDIRECT)
        return r->status >= 300 && r->status < 400 ? r->status : FOUND;
    return r->status ? r->status : FORBIDDEN;
}

static bool stands_in_url(char c)
{
    return c > ' ' && c <= '~';
}

/* Macros bring in what the client has sent, decoded: it must not end the field, nor the URL. */
static int encode_location(struct waf_transaction *t, slice *location)
{
    size_t bytes = 3 * location->len; /* all of them encoded */
    TRY(work_spend(t->work, location->len));
    char *memory = arena_take_bytes(t->arena, bytes);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, bytes);
    for (size_t i = 0; i < location->len; i++) {
        if (stands_in_url(location->ptr[i]))
            writer_byte(&w, location->ptr[i]);
        else
            writer_percent(&w, (unsigned char)location->ptr[i]);
    }
    arena_give_back(t->arena, memory, bytes, w.len);
    *location = writer_slice(&w);
    return 0;
}

/* What no client would take for an address is refused instead. */
static int locate(struct waf_transaction *t, const struct rule *r, struct waf_decision *d)
{
    slice location;
    TRY(macro_expand(t, &r->redirect, &location));
    if (location.len <= LOCATION_BYTES_MAX)
        TRY(encode_location(t, &location));
    if (location.len <= LOCATION_BYTES_MAX) {
        d->location = location;
        return 0;
    }
    d->disposition = WAF_DENY;
    d->status = FORBIDDEN;
    return 0;
}

static int disrupt(struct rule_run *run, enum waf_disposition *ret_enacted)
{
    struct waf_transaction *t = run->t;
    const struct rule *r = run->rule;
    struct waf_decision d = { .disposition = disposition_of(r->disruption),
                              .phase = t->phase,
                              .rule = r };
    *ret_enacted = WAF_PASS;
    if (d.disposition == WAF_PASS || t->phase == WAF_LOGGING)
        return 0;
    if (d.disposition == WAF_DENY || d.disposition == WAF_REDIRECT)
        d.status = status_of(r);
    if (d.disposition == WAF_REDIRECT)
        TRY(locate(t, r, &d));
    if (t->mode != WAF_ENFORCE || t->world.is_shadow || action_is_shadowed(t, r)) {
        if (t->would_be.disposition == WAF_PASS)
            t->would_be = d;
        return 0;
    }
    run->is_stopped = true;
    *ret_enacted = d.disposition;
    if (d.disposition == WAF_ALLOW)
        t->allowed_until = allowed_until(r->disruption, t->phase);
    else
        t->is_over = true;
    t->decision = d;
    return 0;
}

/* At most WAF_MATCH_BYTES_MAX of the value, with what matched in it. */
static int finding_cut(struct waf_transaction *t, const struct waf_finding *from,
                       struct waf_finding *to)
{
    enum { BEFORE = WAF_MATCH_BYTES_MAX / 4 };
    *to = *from;
    size_t at = from->match.count ? from->match.spans[0].at : 0;
    if (from->value.len <= WAF_MATCH_BYTES_MAX || at < BEFORE)
        at = 0;
    else
        at = (size_t)number_min(at - BEFORE, from->value.len - WAF_MATCH_BYTES_MAX);
    to->value_at = at;
    to->value =
        arena_copy(t->arena, slice_first(slice_after(from->value, at), WAF_MATCH_BYTES_MAX));
    to->raw = from->raw.ptr == from->value.ptr && at == 0
                  ? to->value
                  : arena_copy(t->arena, slice_first(from->raw, WAF_MATCH_BYTES_MAX));
    if ((from->value.len && !to->value.ptr) || (from->raw.len && !to->raw.ptr))
        return -ENOMEM;
    return 0;
}

/* Where the match of a link stands that was not asked before; of comparisons there is no place. */
static int finding_place(struct rule_run *run, unsigned index)
{
    const struct link *l = &run->rule->links[index];
    const struct link_plan *plan = &run->plan->links[index];
    struct waf_finding *f = &run->found[index].finding;
    if (!plan->is_placed_late || plan->kind != LINK_KIND_VALUES)
        return 0;
    int says =
        l->operator->evaluate(l->prepared, l->argument.source, f->value, &f->match, run->t->work);
    return says < 0 ? says : match_word_keep(run->t, &f->match);
}

static bool is_plain(const struct macro *m)
{
    return m->count == 0 || (m->count == 1 && m->pieces[0].kind == MACRO_TEXT);
}

static int text_cut(struct waf_transaction *t, const struct macro *m, slice *ret)
{
    if (is_plain(m))
        return macro_expand(t, m, ret);
    slice text;
    TRY(macro_expand_first(t, m, WAF_TEXT_BYTES_MAX, &text));
    *ret = arena_copy(t->arena, text);
    return text.len && !ret->ptr ? -ENOMEM : 0;
}

static int tags_expand(struct waf_transaction *t, const struct rule *r, slice **ret)
{
    unsigned plain = 0;
    while (plain < r->tag_count && is_plain(&r->tags[plain]))
        plain++;
    if (plain == r->tag_count)
        return 0;
    slice *tags = arena_take_array(t->arena, r->tag_count, sizeof(*tags));
    if (!tags)
        return -ENOMEM;
    for (unsigned i = 0; i < r->tag_count; i++)
        TRY(text_cut(t, &r->tags[i], &tags[i]));
    *ret = tags;
    return 0;
}

slice waf_match_tag(const struct waf_match *m, unsigned i)
{
    return m->tags ? m->tags[i] : m->rule->tags[i].source;
}

static int match_make(struct rule_run *run, struct waf_match **ret)
{
    struct waf_transaction *t = run->t;
    const struct rule *r = run->rule;
    TRY(work_spend(t->work, TOLD_STEPS));
    struct waf_match *m = arena_take(t->arena, sizeof(*m) + r->link_count * sizeof(m->finding[0]));
    if (!m)
        return -ENOMEM;
    m->rule = r;
    m->phase = t->phase;
    m->score = run->score;
    m->wished = t->phase == WAF_LOGGING ? WAF_PASS : disposition_of(r->disruption);
    m->status = status_of(r);
    m->is_logged = (r->flags & RULE_LOG) != 0;
    m->is_shadow = action_is_shadowed(t, r);
    m->argument = run->argument;
    m->findings = r->link_count;
    TRY(text_cut(t, &r->msg, &m->msg));
    TRY(text_cut(t, &r->logdata, &m->logdata));
    TRY(tags_expand(t, r, &m->tags));
    for (unsigned i = 0; i < r->link_count; i++) {
        TRY(finding_place(run, i));
        TRY(finding_cut(t, &run->found[i].finding, &m->finding[i]));
        TRY(value_name_text(t, &run->found[i].name, &m->finding[i].name));
    }
    *ret = m;
    return 0;
}

int decision_match(struct rule_run *run)
{
    struct waf_transaction *t = run->t;
    struct waf_match *m = NULL;
    enum waf_disposition enacted;
    bool is_told = run->found && ((run->rule->flags & (RULE_LOG | RULE_AUDIT_LOG)) ||
                                  run->score != 0 || run->rule->disruption != DISRUPT_PASS);
    t->counts.matches++;
    t->is_audited |= (run->rule->flags & RULE_AUDIT_LOG) != 0;
    if (is_told && t->counts.kept < WAF_MATCHES_MAX)
        TRY(match_make(run, &m));
    run->score = 0;
    TRY(disrupt(run, &enacted));
    if (!m)
        return 0;
    t->counts.kept++;
    m->enacted = enacted;
    *t->matches_end = m;
    t->matches_end = &m->next;
    return 0;
}
