/* What the rules found, for the logs:
 * ,"waf":{"verdict":"refused","score":15,"threshold":5,"rules":[{"id":942100,…}]}. Every rule that
 * contributed is named, with what it matched as it was after decoding; values of arguments whose
 * names tell that they open doors are not shown. */
#include "filters/filters.h"
#include "filters/log_line.h"
#include "filters/waf.h"
#include "filters/waf_class.h"
#include "proxy/waf_settings.h"

/* Together with everything else in a line they fit in LOG_LINE_BYTES_MAX. */
#define RULES_MAX         8u
#define IDS_MAX           100u
#define MSG_BYTES_MAX     100u
#define TARGET_BYTES_MAX  64u
#define MATCHED_BYTES_MAX 160u
#define TAGS_MAX          3u
#define TAG_BYTES_MAX     40u

bool waf_is_told(const struct waf_match *m)
{
    for (unsigned i = 0; i < m->rule->tag_count; i++)
        if (slice_equal(m->rule->tags[i].source, SLICE("reporting")))
            return false;
    return m->is_logged;
}

bool waf_has_findings(const struct exchange *x)
{
    const struct waf_match *m =
        x->waf && x->waf->transaction ? waf_matches(x->waf->transaction) : NULL;
    for (; m; m = m->next)
        if (waf_is_told(m))
            return true;
    return false;
}

bool waf_has_record(const struct exchange *x)
{
    return waf_has_findings(x) || (x->waf && x->waf->unjudged);
}

static void put(struct writer *w, const char *key, slice value, size_t bytes_max)
{
    writer_format(w, ",\"%s\":\"", key);
    log_put(w, value, bytes_max, &log_escape_json);
    writer_byte(w, '"');
}

/* The part of the value that matched, or the value. */
slice waf_matched(const struct waf_finding *f)
{
    if (f->match.count == 0 || f->match.spans[0].len == 0)
        return f->value;
    struct match_span span = f->match.spans[0];
    if (span.at < f->value_at || span.at - f->value_at > f->value.len)
        return f->value;
    return slice_first(slice_after(f->value, span.at - f->value_at), span.len);
}

/* A value that holds others, secrets among them: of it only what matched is shown. */
static bool holds_others(enum variable_id variable)
{
    return variable == VARIABLE_REQUEST_BODY || variable == VARIABLE_REQUEST_URI ||
           variable == VARIABLE_REQUEST_URI_RAW || variable == VARIABLE_REQUEST_LINE ||
           variable == VARIABLE_QUERY_STRING;
}

/* Cookies; "q" of ARGS:q */
bool waf_finding_is_secret(const struct waf_finding *f)
{
    slice name = f->name;
    if (f->variable == VARIABLE_REQUEST_COOKIES ||
        (holds_others(f->variable) && f->match.count == 0))
        return true;
    size_t colon = slice_find_byte(name, ':');
    slice key = colon < name.len ? slice_after(name, colon + 1) : name;
    static const slice fields[] = { SLICE("authorization"), SLICE("proxy-authorization"),
                                    SLICE("cookie"), SLICE("set-cookie") };
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
        if (slice_equal_fold(fields[i], key))
            return true;
    return log_name_is_secret(key);
}

bool waf_hides_values(const struct waf_match *m)
{
    for (unsigned i = 0; i < m->findings; i++)
        if (waf_finding_is_secret(&m->finding[i]) || holds_others(m->finding[i].variable) ||
            slice_equal_fold(m->finding[i].name, SLICE("REQUEST_HEADERS:Referer")))
            return true;
    return false;
}

static void put_masked(struct writer *w, slice value)
{
    writer_literal(w, ",\"matched\":\"");
    log_put_masked(w, value, MATCHED_BYTES_MAX, &log_escape_json);
    writer_byte(w, '"');
}

static void write_finding(struct writer *w, const struct waf_finding *f)
{
    put(w, "target", f->name, TARGET_BYTES_MAX);
    if (f->is_decoded)
        writer_literal(w, ",\"decoded\":\"base64\"");
    if (waf_finding_is_secret(f))
        writer_literal(w, ",\"matched\":\"***\"");
    else
        put_masked(w, waf_matched(f));
}

static void write_tags(struct writer *w, const struct rule *rule)
{
    unsigned written = 0;
    for (unsigned i = 0; i < rule->tag_count && written < TAGS_MAX; i++) {
        slice tag = rule->tags[i].source;
        if (!slice_starts_with(tag, SLICE("attack-")) &&
            !slice_starts_with(tag, SLICE("paranoia-level")))
            continue;
        writer_text(w, written++ ? ",\"" : ",\"tags\":[\"");
        log_put(w, tag, TAG_BYTES_MAX, &log_escape_json);
        writer_byte(w, '"');
    }
    if (written)
        writer_byte(w, ']');
}

static void write_match(struct writer *w, const struct waf_match *m)
{
    writer_format(w, "{\"id\":%u", m->rule->id);
    if (m->msg.len)
        put(w, "msg", m->msg, MSG_BYTES_MAX);
    if (m->findings)
        write_finding(w, &m->finding[m->findings - 1]);
    if (m->score)
        writer_format(w, ",\"score\":%lld", (long long)m->score);
    if (m->is_shadow)
        writer_literal(w, ",\"shadow\":true");
    write_tags(w, m->rule);
    writer_byte(w, '}');
}

enum rule_verdict waf_verdict(const struct waf_transaction *t)
{
    if (waf_decision(t)->disposition > WAF_ALLOW)
        return RULE_REFUSED;
    return waf_would_be(t)->disposition > WAF_ALLOW ? RULE_WOULD_REFUSE : RULE_NOTICED;
}

/* In full as many as fit; of the rest the ids, so that none goes unnamed. */
static void write_rules(struct writer *w, const struct waf_match *m)
{
    unsigned written = 0;
    log_key(w, "rules");
    writer_byte(w, '[');
    for (; m && written < RULES_MAX; m = m->next) {
        if (!waf_is_told(m))
            continue;
        if (written++)
            writer_byte(w, ',');
        write_match(w, m);
    }
    writer_byte(w, ']');
    unsigned named = 0, left = 0;
    uint32_t last = 0; /* one that found several values in a row is named once */
    for (; m; m = m->next) {
        if (!waf_is_told(m) || m->rule->id == last)
            continue;
        last = m->rule->id;
        if (named == IDS_MAX)
            left++;
        else
            writer_format(w, "%s%u", named++ ? "," : ",\"more\":[", last);
    }
    if (named)
        writer_byte(w, ']');
    if (left)
        log_number(w, "unnamed", left);
}

const char *waf_verdict_name(const struct exchange *x)
{
    const struct waf_exchange *own = x->waf;
    enum rule_verdict verdict = own->transaction ? waf_verdict(own->transaction) : RULE_NOTICED;
    bool is_unjudged = verdict == RULE_NOTICED && own->unjudged;
    return is_unjudged ? "unjudged" : rule_verdict_name(verdict);
}

void waf_log_findings(struct writer *w, const struct exchange *x)
{
    const struct waf_transaction *t = x->waf->transaction;
    int64_t score, threshold;
    log_key(w, "waf");
    writer_format(w, "{\"verdict\":\"%s\"", waf_verdict_name(x));
    if (x->waf->unjudged)
        log_text(w, "unjudged", slice_from(x->waf->unjudged));
    if (t && waf_class_score(t, waf_decision(t)->phase, &score, &threshold))
        writer_format(w, ",\"score\":%lld,\"threshold\":%lld", (long long)score,
                      (long long)threshold);
    write_rules(w, t ? waf_matches(t) : NULL);
    log_number(w, "us", waf_time_us(x));
    writer_byte(w, '}');
}
