#include "filters/waf_class.h"

#include "base/number.h"
#include "base/writer.h"

/* By tag, the most telling first: of equal weight the first row wins. */
static const struct {
    slice tag;
    struct waf_class class;
} classes[] = {
    { SLICE("attack-rce"), { "waf.rce", "command injection" } },
    { SLICE("attack-sqli"), { "waf.sqli", "SQL injection" } },
    { SLICE("attack-xss"), { "waf.xss", "cross-site scripting" } },
    { SLICE("attack-lfi"), { "waf.lfi", "access to files of the server" } },
    { SLICE("attack-rfi"), { "waf.rfi", "inclusion of remote files" } },
    { SLICE("attack-injection-php"), { "waf.php", "PHP injection" } },
    { SLICE("attack-injection-java"), { "waf.java", "Java injection" } },
    { SLICE("attack-injection-generic"), { "waf.injection", "code injection" } },
    { SLICE("attack-ssti"), { "waf.injection", "code injection" } },
    { SLICE("attack-ssrf"), { "waf.injection", "code injection" } },
    { SLICE("attack-fixation"), { "waf.fixation", "session fixation" } },
    { SLICE("attack-reputation-scanner"), { "waf.scanner", "a scanner" } },
    { SLICE("attack-reputation-crawler"), { "waf.scanner", "a scanner" } },
    { SLICE("attack-reputation-scripting"), { "waf.scanner", "a scanner" } },
    { SLICE("attack-dos"), { "waf.dos", "a flood of requests" } },
    { SLICE("attack-reputation-ip"), { "waf.reputation", "an address of ill repute" } },
    { SLICE("attack-disclosure"), { "waf.leak", "a leak of data in the response" } },
    { SLICE("attack-multipart-header"), { "waf.protocol", "a violation of the protocol" } },
    { SLICE("attack-protocol"), { "waf.protocol", "a violation of the protocol" } },
    { SLICE("attack-generic"), { "waf.protocol", "a violation of the protocol" } },
};
enum { CLASSES = sizeof classes / sizeof classes[0] };

static const struct waf_class any_rule = { "waf.rule", "a rule matched" };
static const struct waf_class request_limit = {
    "waf.body", "the request body is longer than `SecRequestBodyLimit` of the rules"
};
static const struct waf_class response_limit = {
    "waf.body", "the response body is longer than `SecResponseBodyLimit` of the rules"
};

/* The row of a rule's most telling tag; CLASSES: none. */
static unsigned row_of(const struct rule *rule)
{
    for (unsigned i = 0; i < CLASSES; i++)
        for (unsigned j = 0; j < rule->tag_count; j++)
            if (slice_equal_fold(rule->tags[j].source, classes[i].tag))
                return i;
    return CLASSES;
}

/* TX:1: what a link before has captured, and no sum. */
static bool is_capture(slice name)
{
    uint64_t number;
    size_t colon = slice_find_byte(name, ':');
    return number_parse(slice_after(name, colon + 1), 9, &number) == 0;
}

/* The rule that decided looked at a sum that rules keep; else it decided by itself, whatever others
 * had added to a score that nobody asked for. */
static bool is_by_score(const struct waf_transaction *t, const struct waf_decision *d)
{
    for (const struct waf_match *m = waf_matches(t); m; m = m->next)
        if (m->rule == d->rule && m->findings) {
            const struct waf_finding *last = &m->finding[m->findings - 1];
            return last->variable == VARIABLE_TX && !is_capture(last->name);
        }
    return true;
}

const struct rule *waf_class_decider(const struct waf_transaction *t)
{
    const struct waf_decision *d = waf_decision(t);
    if (d->disposition <= WAF_ALLOW)
        d = waf_would_be(t);
    return d->disposition > WAF_ALLOW && d->rule && !is_by_score(t, d) ? d->rule : NULL;
}

/* A match that speaks for the decision: it added to the score, or decided. Rules that are not
 * logged only add up. */
static bool contributed(const struct waf_match *m, const struct waf_decision *d, bool by_score)
{
    return m->is_logged && ((by_score && m->score > 0) || m->rule == d->rule);
}

/* No rule decided, whatever had been found before. */
static bool is_limit(const struct waf_decision *d)
{
    return d->disposition == WAF_DENY && !d->rule;
}

struct waf_class waf_class_of(const struct waf_transaction *t, const struct waf_decision *d)
{
    int64_t weights[CLASSES + 1] = { 0 };
    unsigned best = CLASSES;
    bool by_score = is_by_score(t, d);
    if (is_limit(d))
        return d->phase == WAF_REQUEST_BODY ? request_limit : response_limit;
    for (const struct waf_match *m = waf_matches(t); m; m = m->next)
        if (contributed(m, d, by_score) && m->rule->tag_count)
            weights[row_of(m->rule)] += m->score > 0 ? m->score : 1;
    for (unsigned i = 0; i < CLASSES; i++)
        if (weights[i] > (best < CLASSES ? weights[best] : 0))
            best = i;
    return best < CLASSES ? classes[best].class : any_rule;
}

/* 4.x of the Core Rule Set, then 3.x. */
bool waf_class_score(const struct waf_transaction *t, unsigned phase, int64_t *ret_score,
                     int64_t *ret_threshold)
{
    bool outbound = phase == WAF_RESPONSE_HEADERS || phase == WAF_RESPONSE_BODY;
    static const slice scores[2][2] = {
        { SLICE("blocking_inbound_anomaly_score"), SLICE("anomaly_score") },
        { SLICE("blocking_outbound_anomaly_score"), SLICE("outbound_anomaly_score") }
    };
    slice threshold = outbound ? SLICE("outbound_anomaly_score_threshold")
                               : SLICE("inbound_anomaly_score_threshold");
    if (!waf_score(t, scores[outbound][0], ret_score) &&
        !waf_score(t, scores[outbound][1], ret_score))
        return false;
    return waf_score(t, threshold, ret_threshold);
}

/* The heaviest rule, and how many others. */
static const struct rule *heaviest(const struct waf_transaction *t, const struct waf_decision *d,
                                   bool by_score, unsigned *ret_others)
{
    const struct waf_match *best = NULL;
    unsigned count = 0;
    for (const struct waf_match *m = waf_matches(t); m; m = m->next) {
        if (!contributed(m, d, by_score))
            continue;
        count += by_score && m->score > 0;
        if (!best || m->score > best->score)
            best = m;
    }
    *ret_others = count > 1 ? count - 1 : 0;
    return best ? best->rule : d->rule;
}

void waf_class_describe(const struct waf_transaction *t, const struct waf_decision *d,
                        const struct waf_class *class, char *to)
{
    struct writer w = writer_over(to, WAF_CLASS_TEXT_BYTES - 1);
    unsigned others;
    bool by_score = is_by_score(t, d);
    const struct rule *rule = heaviest(t, d, by_score, &others);
    int64_t score, threshold;
    writer_text(&w, class->text);
    if (rule && !is_limit(d))
        writer_format(&w, ": rule %u", rule->id);
    if (others && !is_limit(d))
        writer_format(&w, " and %u more", others);
    if (by_score && waf_class_score(t, d->phase, &score, &threshold) && score >= threshold)
        writer_format(&w, ", score %lld, refused from %lld", (long long)score,
                      (long long)threshold);
    if (w.overflowed)
        w.len = WAF_CLASS_TEXT_BYTES - 1;
    to[w.len] = '\0';
}
