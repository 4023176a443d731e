#include "waf/engine/report.h"

#include "waf/engine/number_text.h"
#include "waf/engine/transaction.h"
#include "waf/operators/operator.h"
#include "waf/transforms/transform.h"

/* Bytes of a text before it is escaped; together they stay below REPORT_LINE_MAX. */
enum { ARGUMENT_MAX = 250, NAME_MAX_WRITTEN = 200, MSG_MAX = 1024, DATA_MAX = 1500, TAG_MAX = 100 };

const char *report_disposition(enum waf_disposition d)
{
    switch (d) {
    case WAF_PASS:
        return "pass";
    case WAF_ALLOW:
        return "allow";
    case WAF_DENY:
        return "deny";
    case WAF_DROP:
        return "drop";
    case WAF_REDIRECT:
        return "redirect";
    }
    return "pass";
}

/* What is not printable, the quotation mark and the backslash as ModSecurity escapes them; `max`
 * bytes of the text and dots for the rest. */
static void escaped(struct writer *w, slice text, size_t max)
{
    static const char letters[] = "bnrtv", bytes[] = "\b\n\r\t\v";
    for (size_t i = 0; i < text.len && i < max; i++) {
        char c = text.ptr[i];
        const char *letter = c ? strchr(bytes, c) : NULL;
        if (c == '"' || c == '\\') {
            writer_byte(w, '\\');
            writer_byte(w, c);
        } else if (letter) {
            writer_byte(w, '\\');
            writer_byte(w, letters[letter - bytes]);
        } else if ((unsigned char)c < 0x20 || (unsigned char)c > 0x7e) {
            writer_literal(w, "\\x");
            writer_hex_bytes(w, &c, 1);
        } else {
            writer_byte(w, c);
        }
    }
    if (text.len > max)
        writer_literal(w, "...");
}

static void tagged(struct writer *w, const char *name, slice value, size_t max)
{
    if (value.len == 0)
        return;
    writer_literal(w, " [");
    writer_text(w, name);
    writer_literal(w, " \"");
    escaped(w, value, max);
    writer_literal(w, "\"]");
}

static void tagged_number(struct writer *w, const char *name, uint64_t value)
{
    writer_literal(w, " [");
    writer_text(w, name);
    writer_literal(w, " \"");
    writer_decimal(w, value);
    writer_literal(w, "\"]");
}

static void verdict(struct writer *w, const struct waf_match *m, slice location)
{
    switch (m->enacted) {
    case WAF_PASS:
        writer_literal(w, "Warning. ");
        return;
    case WAF_ALLOW:
        writer_literal(w, "Access allowed");
        break;
    case WAF_DENY:
        writer_literal(w, "Access denied with code ");
        writer_decimal(w, m->status);
        break;
    case WAF_DROP:
        writer_literal(w, "Access denied with connection close");
        break;
    case WAF_REDIRECT:
        writer_literal(w, "Access denied with redirection to ");
        escaped(w, location, ARGUMENT_MAX);
        writer_literal(w, " using status ");
        writer_decimal(w, m->status);
        break;
    }
    writer_literal(w, " (phase ");
    writer_decimal(w, m->phase);
    writer_literal(w, "). ");
}

enum wording { WORDING_PATTERN, WORDING_PHRASE, WORDING_NUMBER, WORDING_STRING, WORDING_OTHER };

static enum wording wording_of(slice operator)
{
    static const struct {
        const char *name;
        enum wording wording;
    } words[] = {
        { "rx", WORDING_PATTERN },        { "pm", WORDING_PHRASE },
        { "pmf", WORDING_PHRASE },        { "pmFromFile", WORDING_PHRASE },
        { "eq", WORDING_NUMBER },         { "ge", WORDING_NUMBER },
        { "gt", WORDING_NUMBER },         { "le", WORDING_NUMBER },
        { "lt", WORDING_NUMBER },         { "streq", WORDING_STRING },
        { "contains", WORDING_STRING },   { "within", WORDING_STRING },
        { "beginsWith", WORDING_STRING }, { "endsWith", WORDING_STRING },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (slice_equal_fold(operator, slice_from(words[i].name)))
            return words[i].wording;
    return WORDING_OTHER;
}

static slice found(const struct waf_finding *f, const struct report_shown *shown)
{
    if (shown && shown->hides_matches)
        return SLICE("***");
    if (f->match.word.len || f->match.count == 0 || f->match.spans[0].at < f->value_at)
        return f->match.word;
    return slice_first(slice_after(f->value, f->match.spans[0].at - f->value_at),
                       f->match.spans[0].len);
}

/* As the rule has it where a macro in it may have become a secret. */
static slice argument(const struct waf_match *m, const struct report_shown *shown)
{
    bool is_hidden = shown && shown->hides_matches;
    return is_hidden ? m->rule->links[m->rule->link_count - 1].argument.source : m->argument;
}

static void upper(struct writer *w, const char *name)
{
    for (; *name; name++)
        writer_byte(w, *name >= 'a' && *name <= 'z' ? (char)(*name & ~0x20) : *name);
}

static void operator_matched(struct writer *w, const struct waf_match *m,
                             const struct report_shown *shown)
{
    const struct waf_finding *f = &m->finding[m->findings - 1];
    const char *name = m->rule->links[m->rule->link_count - 1].operator->name;
    switch (wording_of(slice_from(name))) {
    case WORDING_PATTERN:
        writer_literal(w, "Pattern match \"");
        escaped(w, argument(m, shown), ARGUMENT_MAX);
        break;
    case WORDING_PHRASE:
        writer_literal(w, "Matched phrase \"");
        escaped(w, found(f, shown), ARGUMENT_MAX);
        break;
    case WORDING_NUMBER:
        writer_literal(w, "Operator ");
        upper(w, name);
        writer_literal(w, " matched ");
        escaped(w, argument(m, shown), ARGUMENT_MAX);
        writer_literal(w, " at ");
        escaped(w, f->name, NAME_MAX_WRITTEN);
        writer_byte(w, '.');
        return;
    case WORDING_STRING:
        writer_literal(w, "String match \"");
        escaped(w, argument(m, shown), ARGUMENT_MAX);
        break;
    case WORDING_OTHER:
        writer_literal(w, "Operator ");
        writer_text(w, name);
        writer_literal(w, " matched \"");
        escaped(w, found(f, shown), ARGUMENT_MAX);
        break;
    }
    writer_literal(w, "\" at ");
    escaped(w, f->name, NAME_MAX_WRITTEN);
    writer_byte(w, '.');
}

static void why(struct writer *w, const struct waf_match *m, const struct report_shown *shown)
{
    const struct waf_finding *f = &m->finding[m->findings - 1];
    const struct link *l = &m->rule->links[m->rule->link_count - 1];
    if (l->flags & LINK_ALWAYS) {
        writer_literal(w, "Unconditional match in SecAction.");
        return;
    }
    if (!(l->flags & LINK_NEGATED)) {
        operator_matched(w, m, shown);
        return;
    }
    writer_literal(w, "Match of \"");
    writer_text(w, l->operator->name);
    writer_byte(w, ' ');
    escaped(w, argument(m, shown), ARGUMENT_MAX);
    writer_literal(w, "\" against \"");
    escaped(w, f->name, NAME_MAX_WRITTEN);
    writer_literal(w, "\" required.");
}

static slice uri_of(const struct waf_transaction *t)
{
    return slice_first(t->request.target, slice_find_byte(t->request.target, '?'));
}

static slice tag(const struct waf_match *m, const struct report_shown *shown, unsigned i)
{
    if (!shown)
        return waf_match_tag(m, i);
    return shown->tags ? shown->tags[i] : m->rule->tags[i].source;
}

void report_line(const struct waf_transaction *t, const struct waf_match *m,
                 const struct report_shown *shown, struct writer *w)
{
    const struct rule *r = m->rule;
    writer_literal(w, "[client ");
    escaped(w, t->world.client.text, NAME_MAX_WRITTEN);
    writer_literal(w, "] ModSecurity: ");
    verdict(w, m, shown ? shown->location : t->decision.location);
    why(w, m, shown);
    tagged(w, "file", r->file, MSG_MAX);
    tagged_number(w, "line", r->line);
    tagged_number(w, "id", r->id);
    tagged(w, "rev", r->rev, NAME_MAX_WRITTEN);
    tagged(w, "msg", shown ? shown->msg : m->msg, MSG_MAX);
    tagged(w, "data", shown ? shown->data : m->logdata, DATA_MAX);
    tagged(w, "severity", slice_from(severity_name(r->severity)), NAME_MAX_WRITTEN);
    tagged(w, "ver", r->ver, NAME_MAX_WRITTEN);
    if (r->maturity)
        tagged_number(w, "maturity", r->maturity);
    if (r->accuracy)
        tagged_number(w, "accuracy", r->accuracy);
    for (unsigned i = 0; i < r->tag_count && i < REPORT_TAGS_MAX; i++)
        tagged(w, "tag", tag(m, shown, i), TAG_MAX);
    tagged(w, "hostname", t->request.host, NAME_MAX_WRITTEN);
    tagged(w, "uri", shown ? shown->uri : uri_of(t), MSG_MAX);
    tagged(w, "unique_id", t->world.unique_id, NAME_MAX_WRITTEN);
}

static void json_text(struct writer *w, const char *name, slice value)
{
    writer_literal(w, ",\"");
    writer_text(w, name);
    writer_literal(w, "\":\"");
    writer_json(w, value);
    writer_byte(w, '"');
}

static void json_number(struct writer *w, const char *name, int64_t value)
{
    char text[NUMBER_TEXT_MAX];
    writer_literal(w, ",\"");
    writer_text(w, name);
    writer_literal(w, "\":");
    writer_bytes(w, text, number_write(value, text));
}

static void json_decision(struct writer *w, const struct waf_decision *d)
{
    writer_literal(w, "{\"disposition\":\"");
    writer_text(w, report_disposition(d->disposition));
    writer_byte(w, '"');
    if (d->status)
        json_number(w, "status", d->status);
    if (d->location.len)
        json_text(w, "location", d->location);
    if (d->phase)
        json_number(w, "phase", d->phase);
    if (d->rule)
        json_number(w, "rule", d->rule->id);
    writer_byte(w, '}');
}

/* The names of the transformations from the raw value to a node, and what came before them. */
static void json_transforms(struct writer *w, const struct ruleset *rules, uint32_t node,
                            bool is_decoded)
{
    uint32_t chain[WAF_TRANSFORMS_MAX];
    unsigned count = 0;
    for (; node != 0 && count < WAF_TRANSFORMS_MAX; node = rules->nodes[node].parent)
        chain[count++] = node;
    writer_literal(w, ",\"transforms\":[");
    if (is_decoded)
        writer_text(w, count ? "\"base64Decode\"," : "\"base64Decode\"");
    while (count > 0) {
        writer_byte(w, '"');
        writer_text(w, rules->nodes[chain[--count]].transform->name);
        writer_text(w, count ? "\"," : "\"");
    }
    writer_byte(w, ']');
}

static void json_finding(struct writer *w, const struct ruleset *rules, const struct waf_finding *f)
{
    writer_literal(w, "{\"link\":");
    writer_decimal(w, f->link);
    json_text(w, "name", f->name);
    json_text(w, "raw", f->raw);
    json_text(w, "value", f->value);
    if (f->raw_bytes > f->raw.len)
        json_number(w, "raw_bytes", (int64_t)f->raw_bytes);
    if (f->value_bytes > f->value.len) {
        json_number(w, "value_bytes", (int64_t)f->value_bytes);
        json_number(w, "value_at", (int64_t)f->value_at);
    }
    if (f->match.word.len)
        json_text(w, "word", f->match.word);
    writer_literal(w, ",\"spans\":[");
    for (unsigned i = 0; i < f->match.count; i++) {
        writer_text(w, i ? ",[" : "[");
        writer_decimal(w, f->match.spans[i].at);
        writer_byte(w, ',');
        writer_decimal(w, f->match.spans[i].len);
        writer_byte(w, ']');
    }
    writer_byte(w, ']');
    json_transforms(w, rules, f->node, f->is_decoded);
    writer_byte(w, '}');
}

static void json_match(struct writer *w, const struct ruleset *rules, const struct waf_match *m)
{
    const struct rule *r = m->rule;
    writer_literal(w, "{\"id\":");
    writer_decimal(w, r->id);
    json_number(w, "phase", m->phase);
    json_text(w, "msg", m->msg);
    json_text(w, "data", m->logdata);
    json_text(w, "severity", slice_from(severity_name(r->severity)));
    json_number(w, "score", m->score);
    json_text(w, "enacted", slice_from(report_disposition(m->enacted)));
    json_text(w, "wished", slice_from(report_disposition(m->wished)));
    writer_text(w, m->is_logged ? ",\"logged\":true" : ",\"logged\":false");
    if (m->is_shadow)
        writer_literal(w, ",\"shadow\":true");
    json_text(w, "file", r->file);
    json_number(w, "line", r->line);
    writer_literal(w, ",\"tags\":[");
    for (unsigned i = 0; i < r->tag_count; i++) {
        writer_text(w, i ? ",\"" : "\"");
        writer_json(w, waf_match_tag(m, i));
        writer_byte(w, '"');
    }
    writer_literal(w, "],\"found\":[");
    for (unsigned i = 0; i < m->findings; i++) {
        if (i)
            writer_byte(w, ',');
        json_finding(w, rules, &m->finding[i]);
    }
    writer_literal(w, "]}");
}

struct score_list {
    struct writer *writer;
    bool is_first;
};

static void json_score(void *context, slice name, int64_t value)
{
    struct score_list *list = context;
    char text[NUMBER_TEXT_MAX];
    writer_text(list->writer, list->is_first ? "\"" : ",\"");
    writer_json(list->writer, name);
    writer_literal(list->writer, "\":");
    writer_bytes(list->writer, text, number_write(value, text));
    list->is_first = false;
}

void report_json(const struct waf_transaction *t, struct writer *w)
{
    struct waf_counts c = waf_counts(t);
    struct score_list scores = { .writer = w, .is_first = true };
    writer_literal(w, "{\"decision\":");
    json_decision(w, &t->decision);
    writer_literal(w, ",\"would_be\":");
    json_decision(w, &t->would_be);
    writer_literal(w, ",\"scores\":{");
    waf_scores(t, json_score, &scores);
    writer_literal(w, "},\"counts\":{\"rules\":");
    writer_decimal(w, c.rules);
    json_number(w, "operators", (int64_t)c.operators);
    json_number(w, "copies", (int64_t)c.copies);
    json_number(w, "bytes", (int64_t)c.bytes);
    json_number(w, "matches", (int64_t)c.matches);
    json_number(w, "steps", (int64_t)c.steps);
    writer_literal(w, "},\"matches\":[");
    for (const struct waf_match *m = t->matches; m; m = m->next) {
        if (m != t->matches)
            writer_byte(w, ',');
        json_match(w, t->rules, m);
    }
    writer_literal(w, "]}");
}
