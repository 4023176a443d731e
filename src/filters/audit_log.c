/* `log audit`: what the WAF has seen and said of an exchange, as one JSON object a line. Which
 * exchanges, and what of them, is as ModSecurity has it: those that were refused or in which a rule
 * with `auditlog` matched, unless the rules say otherwise (SecAuditEngine, SecAuditLogParts). */
#include "filters/filters.h"
#include "filters/log_line.h"
#include "filters/record.h"

#define RULES_MAX 100u

/* Every rule that matched, but for those that say `noauditlog`. */
static bool is_told(const struct waf_match *m)
{
    return m->rule->flags & RULE_AUDIT_LOG;
}

/* A rule that has refused says by itself whether that is for the audit log. */
static bool is_refused_by_no_rule(const struct exchange *x)
{
    const struct waf_decision *d = waf_decision(x->waf->transaction);
    return failure_is_refusal(&x->failure) && (d->disposition <= WAF_ALLOW || !d->rule);
}

static unsigned parts_of(uint32_t letters)
{
    static const struct {
        uint32_t letters;
        unsigned parts;
    } rows[] = {
        { AUDIT_PART('B'), RECORD_REQUEST },
        { AUDIT_PART('C'), RECORD_BODY | RECORD_FILES },
        { AUDIT_PART('E'), RECORD_ORIGIN_BODY },
        { AUDIT_PART('I'), RECORD_BODY },
        { AUDIT_PART('F'), RECORD_RESPONSE },
        { AUDIT_PART('H'), RECORD_RULES | RECORD_PRODUCER },
        { AUDIT_PART('K'), RECORD_RULES },
    };
    unsigned parts = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        if (letters & rows[i].letters)
            parts |= rows[i].parts;
    return parts;
}

static void on_finish(struct exchange *x)
{
    const struct log_settings *log = &x->configuration->logs[LOG_AUDIT];
    struct writer w;
    if (!log->is_on || !x->waf || !x->waf->transaction)
        return;
    const struct waf_transaction *t = x->waf->transaction;
    if (!waf_is_audited(t, log_status(x), is_refused_by_no_rule(x)) ||
        !log_record_begin(LOG_AUDIT, log->record_bytes_max, &w))
        return;
    struct record_wish wish = { .parts = parts_of(waf_audit_parts(t)),
                                .bytes_max = log->record_bytes_max - 1, /* its newline */
                                .body_bytes_max = log->record_bytes_max,
                                .is_told = is_told,
                                .rules_max = RULES_MAX };
    exchange_record_write(&w, x, &wish);
    log_line_end(LOG_AUDIT, &w);
}

const struct filter audit_log_filter = {
    .on_finish = on_finish,
};
