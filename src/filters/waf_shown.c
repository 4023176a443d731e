#include "filters/waf_shown.h"

#include "filters/log_text.h"

slice waf_matched(const struct waf_finding *f)
{
    if (f->match.count == 0 || f->match.spans[0].len == 0)
        return f->value;
    struct match_span span = f->match.spans[0];
    if (span.at < f->value_at || span.at - f->value_at > f->value.len)
        return f->value;
    return slice_first(slice_after(f->value, span.at - f->value_at), span.len);
}

/* --- What was found --------------------------------------------------------------------------- */

/* A value that holds others, secrets among them: of it only what matched is shown. */
static bool holds_others(enum variable_id variable)
{
    switch (variable) {
    case VARIABLE_REQUEST_BODY:
    case VARIABLE_REQUEST_URI:
    case VARIABLE_REQUEST_URI_RAW:
    case VARIABLE_REQUEST_LINE:
    case VARIABLE_QUERY_STRING:
    case VARIABLE_XML_DOCUMENT:
        return true;
    default:
        return false;
    }
}

/* "q" of ARGS:q */
static bool is_secret_name(slice name)
{
    static const slice fields[] = { SLICE("authorization"), SLICE("proxy-authorization"),
                                    SLICE("cookie"), SLICE("set-cookie") };
    size_t colon = slice_find_byte(name, ':');
    slice key = colon < name.len ? slice_after(name, colon + 1) : name;
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
        if (slice_equal_fold(fields[i], key))
            return true;
    return log_name_is_secret(key);
}

/* MATCHED_VARS:REQUEST_COOKIES:sid */
static bool is_cookie(slice name)
{
    static const slice cookies = SLICE("REQUEST_COOKIES:");
    return slice_find(name, cookies) < name.len;
}

/* "json.a.token.array_0": of JSON, all that is in a secret is one. */
static bool is_secret_path(slice path)
{
    while (path.len) {
        size_t dot = slice_find_byte(path, '.');
        if (log_name_is_secret(slice_first(path, dot)))
            return true;
        path = slice_after(path, dot + (dot < path.len));
    }
    return false;
}

static bool is_in_secret(slice name)
{
    size_t at = slice_find(name, SLICE(":json."));
    return at < name.len || slice_starts_with(name, SLICE("json."))
               ? is_secret_path(slice_after(name, at < name.len ? at + 1 : 0))
               : false;
}

bool waf_finding_is_secret(const struct waf_finding *f)
{
    return f->variable == VARIABLE_REQUEST_COOKIES || f->variable == VARIABLE_SESSIONID ||
           (holds_others(f->variable) && f->match.count == 0) || is_cookie(f->name) ||
           is_secret_name(f->name) || is_in_secret(f->name) || is_secret_path(f->member);
}

static bool is_number(slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return true;
}

/* TX:header_name_920450_expect, of which the value is /expect/: its name tells it anyway. */
static bool is_told_by_name(const struct waf_finding *f)
{
    slice value = f->raw;
    while (value.len && value.ptr[0] == '/')
        value = slice_after(value, 1);
    while (value.len && value.ptr[value.len - 1] == '/')
        value.len--;
    return value.len && slice_find(f->name, value) < f->name.len;
}

static bool is_unclear(const struct waf_finding *f)
{
    switch (f->variable) {
    case VARIABLE_TX:
        return !is_number(f->raw) && !is_told_by_name(f);
    case VARIABLE_ENV:
    case VARIABLE_GLOBAL:
    case VARIABLE_IP:
    case VARIABLE_SESSION:
    case VARIABLE_USER:
    case VARIABLE_RESOURCE:
        return !is_number(f->raw);
    case VARIABLE_MATCHED_VAR:
    case VARIABLE_MATCHED_VARS:
    case VARIABLE_REQUEST_BODY:
    case VARIABLE_XML_DOCUMENT:
        return true;
    default:
        return false;
    }
}

bool waf_finding_is_unclear(const struct waf_match *m, unsigned link)
{
    const struct waf_finding *f = &m->finding[link];
    slice matched = waf_matched(f);
    if (!is_unclear(f))
        return false;
    for (unsigned i = 0; i < link; i++)
        if (!is_unclear(&m->finding[i]) &&
            slice_find(m->finding[i].value, matched) < m->finding[i].value.len)
            return false;
    return true;
}

bool waf_hides_values(const struct waf_match *m)
{
    for (unsigned i = 0; i < m->findings; i++)
        if (waf_finding_is_secret(&m->finding[i]))
            return true;
    return false;
}

/* --- What rules say --------------------------------------------------------------------------- */

/* A count, a score, or one of the groups that were captured in what was found. */
static bool is_clear_tx(const struct waf_transaction *t, slice name)
{
    int64_t unused;
    return (name.len == 1 && is_number(name)) || waf_score(t, name, &unused);
}

/* Whether a secret may have come into a text through that piece of it. */
static bool may_be_secret(const struct waf_transaction *t, const struct macro_piece *piece)
{
    if (piece->kind == MACRO_TEXT)
        return false;
    switch (piece->variable) {
    case VARIABLE_TX:
        return !is_clear_tx(t, piece->text);
    case VARIABLE_REQUEST_COOKIES:
    case VARIABLE_ENV:
    case VARIABLE_SESSION:
    case VARIABLE_SESSIONID:
    case VARIABLE_USER:
    case VARIABLE_RESOURCE:
    case VARIABLE_MATCHED_VARS:
        return true;
    default:
        break;
    }
    bool is_nameless =
        waf_variables[piece->variable].kind != VARIABLE_SCALAR && piece->text.len == 0;
    return holds_others(piece->variable) || is_nameless || is_secret_name(piece->text) ||
           is_in_secret(piece->text);
}

/* What a link found may stand in the text under many names: %{MATCHED_VAR}, %{tx.0}. */
static bool is_clear(const struct waf_match *m)
{
    for (unsigned i = 0; i < m->findings; i++)
        if (waf_finding_is_unclear(m, i) ||
            slice_equal_fold(m->finding[i].name, SLICE("REQUEST_HEADERS:Referer")) ||
            holds_others(m->finding[i].variable))
            return false;
    return !waf_hides_values(m);
}

static bool is_of_match(const struct macro_piece *piece)
{
    return piece->kind != MACRO_TEXT && piece->variable != VARIABLE_MATCHED_VAR_NAME &&
           piece->variable != VARIABLE_RULE;
}

static bool is_shown(const struct waf_transaction *t, const struct waf_match *m,
                     const struct macro *text)
{
    bool is_open = is_clear(m);
    for (unsigned i = 0; i < text->count; i++) {
        const struct macro_piece *piece = &text->pieces[i];
        int64_t unused;
        bool is_count = piece->kind != MACRO_TEXT && piece->variable == VARIABLE_TX &&
                        piece->text.len > 1 && waf_score(t, piece->text, &unused);
        if (may_be_secret(t, piece) || (!is_open && is_of_match(piece) && !is_count))
            return false;
    }
    return true;
}

slice waf_shown_msg(const struct waf_transaction *t, const struct waf_match *m)
{
    return is_shown(t, m, &m->rule->msg) ? m->msg : m->rule->msg.source;
}

slice waf_shown_tag(const struct waf_transaction *t, const struct waf_match *m, unsigned i)
{
    bool is_open = m->tags && is_shown(t, m, &m->rule->tags[i]);
    return is_open ? waf_match_tag(m, i) : m->rule->tags[i].source;
}

slice waf_shown_data(const struct waf_transaction *t, const struct waf_match *m)
{
    return is_shown(t, m, &m->rule->logdata) ? m->logdata : SLICE("***");
}

slice waf_shown_location(const struct waf_transaction *t)
{
    const struct waf_decision *d = waf_decision(t);
    if (d->disposition != WAF_REDIRECT)
        return SLICE("");
    for (const struct waf_match *m = waf_matches(t); m; m = m->next)
        if (m->enacted == WAF_REDIRECT && is_shown(t, m, &m->rule->redirect))
            return d->location;
    return d->rule->redirect.source;
}
