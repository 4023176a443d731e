/* What the rules found, for the logs:
 * ,"waf":{"verdict":"refused","score":15,"threshold":5,"rules":[{"id":942100,…}]}. Every rule that
 * contributed is named, with what it matched as it was after decoding; values of arguments whose
 * names tell that they open doors are not shown. They come last in a line: what room it has left is
 * theirs. */
#include "filters/filters.h"
#include "filters/log_line.h"
#include "filters/waf.h"
#include "filters/waf_class.h"
#include "filters/waf_shown.h"
#include "proxy/waf_settings.h"

#define RULES_MAX         32u
#define IDS_MAX           100u
#define REST_BYTES        (IDS_MAX * 11u + 64u) /* of a line, behind the rules in full */
#define MSG_BYTES_MAX     100u
#define TARGET_BYTES_MAX  64u
#define MATCHED_BYTES_MAX 160u
#define BODY_BYTES_MAX    (16u << 10) /* of one that is searched for names of secrets */
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

static void put_value(struct writer *w, const char *key, slice value, size_t bytes_max)
{
    writer_format(w, ",\"%s\":\"", key);
    log_put_value(w, value, bytes_max, &log_escape_json);
    writer_byte(w, '"');
}

static void write_finding(struct writer *w, const struct waf_finding *f, bool is_hidden)
{
    put(w, "target", f->name, TARGET_BYTES_MAX);
    if (f->is_decoded)
        writer_literal(w, ",\"decoded\":\"base64\"");
    if (is_hidden)
        writer_literal(w, ",\"matched\":\"***\"");
    else
        put_value(w, "matched", waf_matched(f), MATCHED_BYTES_MAX);
}

static void write_tags(struct writer *w, const struct waf_transaction *t, const struct waf_match *m)
{
    unsigned written = 0;
    for (unsigned i = 0; i < m->rule->tag_count && written < TAGS_MAX; i++) {
        slice tag = waf_shown_tag(t, m, i);
        if (!slice_starts_with(tag, SLICE("attack-")) &&
            !slice_starts_with(tag, SLICE("paranoia-level")))
            continue;
        writer_text(w, written++ ? ",\"" : ",\"tags\":[\"");
        log_put_value(w, tag, TAG_BYTES_MAX, &log_escape_json);
        writer_byte(w, '"');
    }
    if (written)
        writer_byte(w, ']');
}

/* Nothing in the body has the name of a secret. */
static bool is_open_body(slice body)
{
    return body.len && body.len <= BODY_BYTES_MAX && !log_value_hides_secret(body);
}

/* Of such a body the part that matched is shown; what a variable of rules holds may be anything. */
static bool is_hidden(const struct exchange *x, const struct waf_match *m)
{
    unsigned last = m->findings - 1;
    const struct waf_finding *f = &m->finding[last];
    bool is_part = f->match.count &&
                   (f->variable == VARIABLE_REQUEST_BODY || f->variable == VARIABLE_XML_DOCUMENT);
    if (waf_hides_values(m))
        return true;
    return waf_finding_is_unclear(m, last) && !(is_part && is_open_body(x->waf->body));
}

static void write_match(struct writer *w, const struct exchange *x, const struct waf_match *m)
{
    slice msg = waf_shown_msg(x->waf->transaction, m);
    writer_format(w, "{\"id\":%u", m->rule->id);
    if (msg.len)
        put_value(w, "msg", msg, MSG_BYTES_MAX);
    if (m->findings)
        write_finding(w, &m->finding[m->findings - 1], is_hidden(x, m));
    if (m->score)
        writer_format(w, ",\"score\":%lld", (long long)m->score);
    if (m->is_shadow)
        writer_literal(w, ",\"shadow\":true");
    write_tags(w, x->waf->transaction, m);
    writer_byte(w, '}');
}

enum rule_verdict waf_verdict(const struct waf_transaction *t)
{
    if (waf_decision(t)->disposition > WAF_ALLOW)
        return RULE_REFUSED;
    return waf_would_be(t)->disposition > WAF_ALLOW ? RULE_WOULD_REFUSE : RULE_NOTICED;
}

/* False: it has no room in full. */
static bool write_match_in_room(struct writer *w, const struct exchange *x,
                                const struct waf_match *m, bool is_first)
{
    struct writer before = *w;
    if (!is_first)
        writer_byte(w, ',');
    write_match(w, x, m);
    if (!w->overflowed && w->capacity - w->len >= REST_BYTES)
        return true;
    *w = before;
    return false;
}

/* In full as many as fit; of the rest the ids, so that none goes unnamed. */
static void write_rules(struct writer *w, const struct exchange *x)
{
    const struct waf_transaction *t = x->waf->transaction;
    const struct waf_match *m = t ? waf_matches(t) : NULL;
    unsigned written = 0;
    log_key(w, "rules");
    writer_byte(w, '[');
    for (; m && written < RULES_MAX; m = m->next) {
        if (!waf_is_told(m))
            continue;
        if (!write_match_in_room(w, x, m, written == 0))
            break;
        written++;
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
    if (x->waf->spent_by)
        log_number(w, "spent_by", x->waf->spent_by);
    if (t && waf_class_score(t, waf_decision(t)->phase, &score, &threshold))
        writer_format(w, ",\"score\":%lld,\"threshold\":%lld", (long long)score,
                      (long long)threshold);
    write_rules(w, x);
    log_number(w, "us", waf_time_us(x));
    writer_byte(w, '}');
}
