/* What the rules found, as the record of an exchange has it: everything that `explain ID` tells. */
#include "filters/log_line.h"
#include "filters/recent_text.h"
#include "filters/waf.h"
#include "filters/waf_class.h"
#include "filters/waf_shown.h"
#include "proxy/waf_settings.h"
#include "waf/transforms/transform.h"

#define FINDINGS_MAX 2u /* of a chain: the last links */
#define NAME_BYTES   200u
#define VALUE_BYTES  400u
#define TAGS_MAX     12u
#define TAG_BYTES    100u
#define CHAIN_MAX    16u

static void put(struct writer *w, const char *key, slice value, size_t bytes_max)
{
    writer_format(w, ",\"%s\":\"", key);
    (void)recent_put(w, value, bytes_max);
    writer_byte(w, '"');
}

/* From the value on, as it came. */
static void write_transforms(struct writer *w, const struct ruleset *rules,
                             const struct waf_finding *f)
{
    uint32_t node = f->node;
    const char *names[CHAIN_MAX];
    unsigned count = 0;
    for (; node && node < rules->node_count && count < CHAIN_MAX; node = rules->nodes[node].parent)
        names[count++] = rules->nodes[node].transform->name;
    writer_literal(w, ",\"transforms\":[");
    if (f->is_decoded)
        writer_text(w, count ? "\"base64Decode\"," : "\"base64Decode\"");
    while (count--) {
        writer_format(w, "\"%s\"", names[count]);
        if (count)
            writer_byte(w, ',');
    }
    writer_byte(w, ']');
}

/* --- What may be shown ------------------------------------------------------------------------ */

static const struct log_escape escape = { .write = recent_write, .cut = SLICE("") };

/* Bytes that can be had back, but for secrets that are named in it. */
static void put_value(struct writer *w, const char *key, slice value, bool is_hidden)
{
    writer_format(w, ",\"%s\":\"", key);
    if (is_hidden)
        writer_literal(w, "***");
    else
        log_put_value(w, value, VALUE_BYTES, &escape);
    writer_byte(w, '"');
}

/* --- Findings --------------------------------------------------------------------------------- */

static void write_finding(struct writer *w, const struct ruleset *rules,
                          const struct waf_finding *f, bool is_hidden)
{
    writer_literal(w, "{\"target\":\"");
    (void)recent_put(w, f->name, NAME_BYTES);
    writer_byte(w, '"');
    put_value(w, "raw", f->raw, is_hidden);
    log_number(w, "raw_bytes", f->raw_bytes);
    write_transforms(w, rules, f);
    put_value(w, "value", f->value, is_hidden || f->value_at > 0);
    log_number(w, "value_bytes", f->value_bytes);
    put_value(w, "matched", waf_matched(f), is_hidden);
    writer_byte(w, '}');
}

static void write_match(struct writer *w, const struct waf_transaction *t,
                        const struct ruleset *rules, const struct waf_match *m)
{
    unsigned first = m->findings > FINDINGS_MAX ? m->findings - FINDINGS_MAX : 0;
    bool is_secret = waf_hides_values(m);
    writer_format(w, "{\"id\":%u", m->rule->id);
    put(w, "file", m->rule->file, NAME_BYTES);
    log_number(w, "line", m->rule->line);
    log_number(w, "phase", m->phase);
    put_value(w, "msg", waf_shown_msg(t, m), false);
    if (severity_name(m->rule->severity)[0])
        put(w, "severity", slice_from(severity_name(m->rule->severity)), NAME_BYTES);
    writer_format(w, ",\"score\":%lld", (long long)m->score);
    if (m->is_shadow)
        writer_literal(w, ",\"shadow\":true");
    writer_literal(w, ",\"tags\":[");
    for (unsigned i = 0; i < m->rule->tag_count && i < TAGS_MAX; i++) {
        writer_text(w, i ? ",\"" : "\"");
        log_put_value(w, waf_shown_tag(t, m, i), TAG_BYTES, &escape);
        writer_byte(w, '"');
    }
    writer_literal(w, "],\"findings\":[");
    for (unsigned i = first; i < m->findings; i++) {
        if (i > first)
            writer_byte(w, ',');
        write_finding(w, rules, &m->finding[i], is_secret || waf_finding_is_unclear(m, i));
    }
    writer_literal(w, "]}");
}

/* Each as far as there is room. */
static void write_matches(struct writer *w, const struct waf_exchange *own,
                          bool (*is_told)(const struct waf_match *m),
                          const struct waf_record_limits *limits)
{
    unsigned written = 0, left = 0;
    size_t end = w->len + limits->bytes;
    writer_literal(w, ",\"rules\":[");
    const struct waf_match *m = own->transaction ? waf_matches(own->transaction) : NULL;
    for (; m; m = m->next) {
        size_t before = w->len;
        if (!is_told(m))
            continue;
        if (written && written + left < limits->rules)
            writer_byte(w, ',');
        if (written + left < limits->rules)
            write_match(w, own->transaction, own->settings->rules, m);
        if (written + left < limits->rules && !w->overflowed && w->len <= end) {
            written++;
            continue;
        }
        w->len = before;
        w->overflowed = false;
        left++;
    }
    writer_byte(w, ']');
    if (left)
        log_number(w, "more", left);
}

void waf_write_record(struct writer *w, const struct exchange *x,
                      bool (*is_told)(const struct waf_match *m),
                      const struct waf_record_limits *limits)
{
    const struct waf_exchange *own = x->waf;
    const struct waf_transaction *t = own->transaction;
    int64_t score, threshold;
    bool is_passed = t && waf_verdict(t) == RULE_NOTICED && !waf_has_record(x);
    writer_format(w, ",\"waf\":{\"verdict\":\"%s\",\"mode\":\"%s\"",
                  is_passed ? "passed" : waf_verdict_name(x),
                  own->settings->mode == WAF_MODE_ENFORCE ? "enforce" : "shadow");
    if (own->unjudged)
        put(w, "unjudged", slice_from(own->unjudged), NAME_BYTES);
    if (own->spent_by)
        log_number(w, "spent_by", own->spent_by);
    const struct rule *decider = t ? waf_class_decider(t) : NULL;
    if (decider)
        log_number(w, "decided_by", decider->id);
    if (t && waf_class_score(t, waf_decision(t)->phase, &score, &threshold))
        writer_format(w, ",\"score\":%lld,\"threshold\":%lld", (long long)score,
                      (long long)threshold);
    log_number(w, "paranoia", waf_paranoia(own->settings));
    put(w, "where", own->settings->where, NAME_BYTES);
    write_matches(w, own, is_told, limits);
    writer_byte(w, '}');
}

void waf_write_rules_name(struct writer *w, const struct exchange *x)
{
    slice name = x->waf->settings->rules->directives.component_signature;
    if (name.len)
        put(w, "rules", name, NAME_BYTES);
}
