/* The table of actions: how each value is typed, and what it does to a rule. */
#include "base/number.h"
#include "waf/seclang/action.h"
#include "waf/seclang/build.h"
#include "waf/seclang/macro.h"
#include "waf/transforms/transform.h"

static int read_number(struct seclang *l, struct action *a, uint64_t min, uint64_t max)
{
    if (!number_parse(a->value, max, &a->number) && a->number >= min)
        return 0;
    return load_error(l, a->value.ptr, "%s:%.*s: a number from %llu to %llu was expected",
                      a->row->name, SLICE_ARGUMENTS(a->value), (unsigned long long)min,
                      (unsigned long long)max);
}

static int read_id(struct seclang *l, struct action *a)
{
    return read_number(l, a, 1, WAF_NONE - 1);
}

static int read_level(struct seclang *l, struct action *a)
{
    return read_number(l, a, 0, 9);
}

static int read_status(struct seclang *l, struct action *a)
{
    return read_number(l, a, 200, 599); /* 1xx end nothing */
}

static int read_skip(struct seclang *l, struct action *a)
{
    return read_number(l, a, 1, SECLANG_RULES_MAX);
}

static int read_phase(struct seclang *l, struct action *a)
{
    static const struct {
        const char *name;
        unsigned phase;
    } words[] = { { "request", 2 }, { "response", 4 }, { "logging", 5 } };
    for (unsigned i = 0; i < ARRAY_LENGTH(words); i++)
        if (slice_equal_fold(a->value, slice_from(words[i].name))) {
            a->number = words[i].phase;
            return 0;
        }
    if (!number_parse(a->value, WAF_PHASES, &a->number) && a->number >= 1)
        return 0;
    return load_error(l, a->value.ptr,
                      "phase:%.*s: 1 to 5, request (2), response (4) or logging (5) was expected",
                      SLICE_ARGUMENTS(a->value));
}

static int read_severity(struct seclang *l, struct action *a)
{
    int severity = severity_parse(a->value);
    if (severity < 0)
        return load_error(l, a->value.ptr,
                          "severity:%.*s: 0 to 7, or EMERGENCY, ALERT, CRITICAL, ERROR, WARNING, "
                          "NOTICE, INFO or DEBUG was expected",
                          SLICE_ARGUMENTS(a->value));
    a->number = (uint64_t)severity;
    return 0;
}

static int read_text(struct seclang *l, struct action *a)
{
    (void)l;
    a->text = a->value;
    return 0;
}

static int read_macro(struct seclang *l, struct action *a)
{
    return macro_parse(l, a->value, false, &a->macro);
}

static int read_transform(struct seclang *l, struct action *a)
{
    a->transform = NULL;
    if (slice_equal_fold(a->value, SLICE("none")))
        return 0;
    a->transform = transform_find(a->value);
    if (a->transform)
        return 0;
    const char *near = transform_suggest(a->value);
    return load_error(l, a->value.ptr, "unknown transformation \"%.*s\"%s%s%s",
                      SLICE_ARGUMENTS(a->value), near ? "; did you mean " : "", near ? near : "",
                      near ? "?" : "");
}

static int read_allow(struct seclang *l, struct action *a)
{
    if (!a->value.len)
        a->number = DISRUPT_ALLOW;
    else if (slice_equal_fold(a->value, SLICE("phase")))
        a->number = DISRUPT_ALLOW_PHASE;
    else if (slice_equal_fold(a->value, SLICE("request")))
        a->number = DISRUPT_ALLOW_REQUEST;
    else
        return load_error(l, a->value.ptr, "allow:%.*s: phase or request was expected, or nothing",
                          SLICE_ARGUMENTS(a->value));
    return 0;
}

static int apply_severity(struct rule_build *b, const struct action *a)
{
    b->rule->severity = (unsigned char)a->number;
    return 0;
}

static int apply_accuracy(struct rule_build *b, const struct action *a)
{
    b->rule->accuracy = (unsigned char)a->number;
    return 0;
}

static int apply_maturity(struct rule_build *b, const struct action *a)
{
    b->rule->maturity = (unsigned char)a->number;
    return 0;
}

static int apply_status(struct rule_build *b, const struct action *a)
{
    b->rule->status = (unsigned short)a->number;
    return 0;
}

static int apply_rev(struct rule_build *b, const struct action *a)
{
    b->rule->rev = a->text;
    return 0;
}

static int apply_ver(struct rule_build *b, const struct action *a)
{
    b->rule->ver = a->text;
    return 0;
}

static int apply_msg(struct rule_build *b, const struct action *a)
{
    b->rule->msg = a->macro;
    return 0;
}

static int apply_logdata(struct rule_build *b, const struct action *a)
{
    b->rule->logdata = a->macro;
    return 0;
}

static int apply_tag(struct rule_build *b, const struct action *a)
{
    TRY(LIST_FIT(&b->l->scratch, &b->tags));
    b->tags.items[b->tags.count++] = a->macro;
    return 0;
}

static int apply_pass(struct rule_build *b, const struct action *a)
{
    (void)a;
    b->rule->disruption = DISRUPT_PASS;
    return 0;
}

static int apply_deny(struct rule_build *b, const struct action *a)
{
    (void)a;
    b->rule->disruption = DISRUPT_DENY;
    return 0;
}

static int apply_drop(struct rule_build *b, const struct action *a)
{
    (void)a;
    b->rule->disruption = DISRUPT_DROP;
    return 0;
}

static int apply_allow(struct rule_build *b, const struct action *a)
{
    b->rule->disruption = (enum disruption)a->number;
    return 0;
}

static int apply_redirect(struct rule_build *b, const struct action *a)
{
    b->rule->disruption = DISRUPT_REDIRECT;
    b->rule->redirect = a->macro;
    return 0;
}

/* `block` is whatever the default for the phase is: that has been applied before the rule's own
 * actions, but the rule may have said something else before; so it is looked up again. */
static int apply_block(struct rule_build *b, const struct action *a)
{
    (void)a;
    b->rule->disruption = DISRUPT_PASS;
    const struct actions *defaults = b->draft->defaults;
    for (unsigned i = 0; defaults && i < defaults->count; i++)
        if (defaults->items[i].row->kind == ACTION_DISRUPTIVE && defaults->items[i].row->apply &&
            defaults->items[i].row->apply != apply_block)
            TRY(defaults->items[i].row->apply(b, &defaults->items[i]));
    return 0;
}

static int apply_log(struct rule_build *b, const struct action *a)
{
    (void)a;
    b->rule->flags |= RULE_LOG;
    return 0;
}

/* "nolog implies noauditlog" */
static int apply_nolog(struct rule_build *b, const struct action *a)
{
    (void)a;
    b->rule->flags &= ~(unsigned)(RULE_LOG | RULE_AUDIT_LOG);
    return 0;
}

static int apply_auditlog(struct rule_build *b, const struct action *a)
{
    (void)a;
    b->rule->flags |= RULE_AUDIT_LOG;
    return 0;
}

static int apply_noauditlog(struct rule_build *b, const struct action *a)
{
    (void)a;
    b->rule->flags &= ~(unsigned)RULE_AUDIT_LOG;
    return 0;
}

static int apply_skip(struct rule_build *b, const struct action *a)
{
    b->rule->skip = (unsigned)a->number;
    return 0;
}

static int apply_skip_after(struct rule_build *b, const struct action *a)
{
    b->draft->skip_after = a->text;
    return 0;
}

static int apply_transform(struct rule_build *b, const struct action *a)
{
    if (!a->transform) {
        b->chain_count = 0;
        return 0;
    }
    if (b->chain_count < WAF_TRANSFORMS_MAX)
        b->chain[b->chain_count++] = a->transform;
    return 0;
}

static int apply_capture(struct rule_build *b, const struct action *a)
{
    (void)a;
    b->link->flags |= LINK_CAPTURE;
    return 0;
}

static int apply_multi_match(struct rule_build *b, const struct action *a)
{
    (void)a;
    b->link->flags |= LINK_MULTI_MATCH;
    return 0;
}

static int apply_set(struct rule_build *b, const struct action *a)
{
    TRY(LIST_FIT(&b->l->scratch, &b->sets));
    b->sets.items[b->sets.count++] = a->set;
    return 0;
}

static int apply_initcol(struct rule_build *b, const struct action *a)
{
    TRY(LIST_FIT(&b->l->scratch, &b->initcols));
    b->initcols.items[b->initcols.count++] = a->initcol;
    return 0;
}

static int apply_ctl(struct rule_build *b, const struct action *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        TRY(LIST_FIT(&b->l->scratch, &b->ctls));
        b->ctls.items[b->ctls.count++] = a->ctls[i];
    }
    return 0;
}

/* --- sanitise… ---------------------------------------------------------------------------------
 *
 * What is masked is decided by names, for all records alike. A rule that asks for what is done
 * anyway is right; the others are told that they are not heard. */

#define MASKED                                                                                     \
    "records mask what stands under names of secrets (password, token, api_key), whatever rules "  \
    "say"
#define UNKEPT "; where no request may be kept, write `recent off`"

static int read_masked_name(struct seclang *l, struct action *a)
{
    if (!l->world.is_masked || !l->world.is_masked(a->value))
        load_warning(l, a->value.ptr,
                     "%s has no effect here: " MASKED ", and \"%.*s\" is no such name" UNKEPT,
                     a->row->name, SLICE_ARGUMENTS(a->value));
    return 0;
}

static int read_masked_match(struct seclang *l, struct action *a)
{
    load_warning(l, a->value.ptr, "%s has no effect here: " MASKED UNKEPT, a->row->name);
    return 0;
}

/* clang-format off */
const struct action_row waf_actions[] = {
    { "accuracy", ACTION_METADATA, VALUE_NEEDED, read_level, apply_accuracy, "how sure the rule is, 0 to 9" },
    { "allow", ACTION_DISRUPTIVE, VALUE_OPTIONAL, read_allow, apply_allow, "no more rules: of any phase but logging; allow:phase of this phase; allow:request of the request" },
    { "append", ACTION_REFUSED, VALUE_NEEDED, NULL, NULL, "pages are not rewritten" },
    { "auditlog", ACTION_LOG, VALUE_NONE, NULL, apply_auditlog, "a match belongs in the audit log" },
    { "block", ACTION_DISRUPTIVE, VALUE_NONE, NULL, apply_block, "what SecDefaultAction says for the phase" },
    { "capture", ACTION_LINK, VALUE_NONE, NULL, apply_capture, "the match and its groups become TX:0 to TX:9" },
    { "chain", ACTION_CHAIN, VALUE_NONE, NULL, NULL, "the next rule has to match too" },
    { "ctl", ACTION_LINK, VALUE_NEEDED, action_read_ctl, apply_ctl, "changes an option for this transaction: option=value" },
    { "deny", ACTION_DISRUPTIVE, VALUE_NONE, NULL, apply_deny, "refuses the request, with status or 403" },
    { "deprecatevar", ACTION_LINK, VALUE_NEEDED, action_read_deprecatevar, apply_set, "lowers a number of a persistent collection with time: collection.name=amount/seconds" },
    { "drop", ACTION_DISRUPTIVE, VALUE_NONE, NULL, apply_drop, "closes the connection without an answer" },
    { "exec", ACTION_REFUSED, VALUE_NEEDED, NULL, NULL, "rules run no programs" },
    { "expirevar", ACTION_LINK, VALUE_NEEDED, action_read_expirevar, apply_set, "deletes a variable after seconds: collection.name=seconds" },
    { "id", ACTION_METADATA, VALUE_NEEDED, read_id, NULL, "the number of the rule, unique" },
    { "initcol", ACTION_LINK, VALUE_NEEDED, action_read_initcol, apply_initcol, "which record a persistent collection is: collection=key" },
    { "log", ACTION_LOG, VALUE_NONE, NULL, apply_log, "a match is logged" },
    { "logdata", ACTION_METADATA, VALUE_NEEDED, read_macro, apply_logdata, "what to say of the data that matched" },
    { "maturity", ACTION_METADATA, VALUE_NEEDED, read_level, apply_maturity, "how tried the rule is, 0 to 9" },
    { "msg", ACTION_METADATA, VALUE_NEEDED, read_macro, apply_msg, "what a match means" },
    { "multiMatch", ACTION_LINK, VALUE_NONE, NULL, apply_multi_match, "the operator sees the value after each transformation that changed it" },
    { "noauditlog", ACTION_LOG, VALUE_NONE, NULL, apply_noauditlog, "a match does not belong in the audit log" },
    { "nolog", ACTION_LOG, VALUE_NONE, NULL, apply_nolog, "a match is not logged, nor in the audit log" },
    { "pass", ACTION_DISRUPTIVE, VALUE_NONE, NULL, apply_pass, "goes on with the next rule" },
    { "pause", ACTION_REFUSED, VALUE_NEEDED, NULL, NULL, "a held request costs more than a refused one" },
    { "phase", ACTION_PHASE, VALUE_NEEDED, read_phase, NULL, "when the rule runs: 1 request fields, 2 request body, 3 response fields, 4 response body, 5 logging" },
    { "prepend", ACTION_REFUSED, VALUE_NEEDED, NULL, NULL, "pages are not rewritten" },
    { "proxy", ACTION_REFUSED, VALUE_NEEDED, NULL, NULL, "routes of the configuration say where requests go" },
    { "redirect", ACTION_DISRUPTIVE, VALUE_NEEDED, read_macro, apply_redirect, "sends the client elsewhere: a URL" },
    { "rev", ACTION_METADATA, VALUE_NEEDED, read_text, apply_rev, "revision of the rule" },
    { "sanitiseArg", ACTION_NOTHING, VALUE_NEEDED, read_masked_name, NULL, MASKED },
    { "sanitiseMatched", ACTION_NOTHING, VALUE_NONE, read_masked_match, NULL, MASKED },
    { "sanitiseMatchedBytes", ACTION_NOTHING, VALUE_OPTIONAL, read_masked_match, NULL, MASKED },
    { "sanitiseRequestHeader", ACTION_NOTHING, VALUE_NEEDED, read_masked_name, NULL, MASKED },
    { "sanitiseResponseHeader", ACTION_NOTHING, VALUE_NEEDED, read_masked_name, NULL, MASKED },
    { "sanitizeArg", ACTION_NOTHING, VALUE_NEEDED, read_masked_name, NULL, MASKED },
    { "sanitizeMatched", ACTION_NOTHING, VALUE_NONE, read_masked_match, NULL, MASKED },
    { "sanitizeMatchedBytes", ACTION_NOTHING, VALUE_OPTIONAL, read_masked_match, NULL, MASKED },
    { "sanitizeRequestHeader", ACTION_NOTHING, VALUE_NEEDED, read_masked_name, NULL, MASKED },
    { "sanitizeResponseHeader", ACTION_NOTHING, VALUE_NEEDED, read_masked_name, NULL, MASKED },
    { "setenv", ACTION_LINK, VALUE_NEEDED, action_read_setenv, apply_set, "sets a variable of ENV: name=value, !name deletes" },
    { "setrsc", ACTION_LINK, VALUE_NEEDED, action_read_session, apply_initcol, "which record RESOURCE is" },
    { "setsid", ACTION_LINK, VALUE_NEEDED, action_read_session, apply_initcol, "which record SESSION is" },
    { "setuid", ACTION_LINK, VALUE_NEEDED, action_read_session, apply_initcol, "which record USER is" },
    { "setvar", ACTION_LINK, VALUE_NEEDED, action_read_setvar, apply_set, "sets a variable: collection.name=value, =+n adds, =-n subtracts, !collection.name deletes" },
    { "severity", ACTION_METADATA, VALUE_NEEDED, read_severity, apply_severity, "how grave a match is: 0 (EMERGENCY) to 7 (DEBUG)" },
    { "skip", ACTION_FLOW, VALUE_NEEDED, read_skip, apply_skip, "leaves out as many rules of the phase" },
    { "skipAfter", ACTION_FLOW, VALUE_NEEDED, read_text, apply_skip_after, "goes on behind a SecMarker or the rule with an id" },
    { "status", ACTION_METADATA, VALUE_NEEDED, read_status, apply_status, "the status of deny and redirect" },
    { "t", ACTION_LINK, VALUE_NEEDED, read_transform, apply_transform, "a transformation of values before the operator sees them; none: without those before" },
    { "tag", ACTION_METADATA, VALUE_NEEDED, read_macro, apply_tag, "a class the rule belongs to" },
    { "ver", ACTION_METADATA, VALUE_NEEDED, read_text, apply_ver, "version of the rule set" },
    { "xmlns", ACTION_NOTHING, VALUE_NEEDED, NULL, NULL, "the two XPaths that are understood name no namespace" },
};
/* clang-format on */

const unsigned waf_action_count = ARRAY_LENGTH(waf_actions);

const struct action_row *action_find(slice name)
{
    for (unsigned i = 0; i < waf_action_count; i++)
        if (slice_equal_fold(name, slice_from(waf_actions[i].name)))
            return &waf_actions[i];
    return NULL;
}
