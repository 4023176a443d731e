#include "waf/seclang/target.h"

/* Up to the end of this target; inside quotes nothing parts. */
static size_t target_length(slice text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (quoted && c == '\\' && i + 1 < text.len)
            i++;
        else if (c == '\'')
            quoted = !quoted;
        else if (!quoted && (c == '|' || c == ','))
            return i;
    }
    return text.len;
}

/* Without '…', in which \' is a quote and \\ a backslash. */
static int unquote(struct seclang *l, slice text, slice *ret_text)
{
    *ret_text = text;
    if (!text.len || text.ptr[0] != '\'')
        return 0;
    if (text.len < 2 || text.ptr[text.len - 1] != '\'')
        return load_error(l, text.ptr, "the quote (') that begins here is not closed");
    char *into = arena_take(&l->rules->arena, text.len);
    if (!into)
        return -ENOMEM;
    size_t used = 0;
    for (size_t i = 1; i + 1 < text.len; i++) {
        bool is_escape = text.ptr[i] == '\\' && i + 2 < text.len &&
                         (text.ptr[i + 1] == '\'' || text.ptr[i + 1] == '\\');
        i += is_escape;
        into[used++] = text.ptr[i];
    }
    *ret_text = slice_of(into, used);
    return 0;
}

static int parse_xml(struct seclang *l, slice selector, const char *at, struct target *t)
{
    t->selector = SELECT_XML_TEXT;
    if (slice_equal(selector, SLICE("//@*")))
        t->selector = SELECT_XML_VALUES;
    else if (slice_equal(selector, SLICE("//text()")))
        t->selector = SELECT_XML_PARTS;
    else if (selector.len && !slice_equal(selector, SLICE("/*")))
        return load_error(l, at,
                          "XML:%.*s: of XPath only XML:/* (all text), XML://text() (its parts) and "
                          "XML://@* (the values of all attributes) are understood",
                          SLICE_ARGUMENTS(selector));
    return 0;
}

static int parse_selector(struct seclang *l, slice raw, struct target *t)
{
    const struct variable *v = &waf_variables[t->variable];
    slice selector;
    TRY(unquote(l, raw, &selector));
    if (v->kind == VARIABLE_XML)
        return parse_xml(l, selector, raw.ptr, t);
    if (!selector.len)
        return load_error(l, raw.ptr, "a name is missing behind \"%s:\"", v->name);
    if (v->kind == VARIABLE_SCALAR)
        return load_error(l, raw.ptr, "%s is one value and cannot be narrowed by \"%.*s\"", v->name,
                          SLICE_ARGUMENTS(selector));
    if (selector.ptr[0] == '/') {
        if (selector.len < 2 || selector.ptr[selector.len - 1] != '/')
            return load_error(l, raw.ptr,
                              "the regular expression %.*s has no / at its end; one with | or , in "
                              "it is written %s:'/…/'",
                              SLICE_ARGUMENTS(selector), v->name);
        t->selector = SELECT_PATTERN;
        t->name = slice_of(selector.ptr + 1, selector.len - 2);
        return load_selector(l, t->name, PATTERN_CASELESS, &t->pattern);
    }
    t->selector = SELECT_NAME;
    t->name = load_lower(l, selector);
    if (!t->name.ptr)
        return -ENOMEM;
    return t->variable == VARIABLE_TX ? load_slot(l, t->name, &t->slot) : 0;
}

/* Known to ModSecurity, impossible here. */
const struct refused_variable waf_refused_variables[] = {
    { "FILES_TMPNAMES", "uploads are not written to files" },
    { "FILES_TMP_CONTENT", "the content of uploads is not kept" },
    { "FULL_REQUEST", "take REQUEST_LINE|REQUEST_HEADERS|REQUEST_BODY" },
    { "MODSEC_BUILD", "there is no ModSecurity" },
    { "PERF_ALL", "what rules cost is in the metrics and in explain" },
    { "PERF_COMBINED", "what rules cost is in the metrics and in explain" },
    { "PERF_GC", "what rules cost is in the metrics and in explain" },
    { "PERF_LOGGING", "what rules cost is in the metrics and in explain" },
    { "PERF_PHASE1", "what rules cost is in the metrics and in explain" },
    { "PERF_PHASE2", "what rules cost is in the metrics and in explain" },
    { "PERF_PHASE3", "what rules cost is in the metrics and in explain" },
    { "PERF_PHASE4", "what rules cost is in the metrics and in explain" },
    { "PERF_PHASE5", "what rules cost is in the metrics and in explain" },
    { "PERF_RULES", "what rules cost is in the metrics and in explain" },
    { "PERF_SREAD", "what rules cost is in the metrics and in explain" },
    { "PERF_SWRITE", "what rules cost is in the metrics and in explain" },
    { "SCRIPT_BASENAME", "a proxy has no scripts" },
    { "SCRIPT_FILENAME", "a proxy has no scripts" },
    { "SCRIPT_GID", "a proxy has no scripts" },
    { "SCRIPT_GROUPNAME", "a proxy has no scripts" },
    { "SCRIPT_MODE", "a proxy has no scripts" },
    { "SCRIPT_UID", "a proxy has no scripts" },
    { "SCRIPT_USERNAME", "a proxy has no scripts" },
    { "SDBM_DELETE_ERROR", "persistent collections are kept in memory" },
    { "STREAM_INPUT_BODY", "bodies are not rewritten" },
    { "STREAM_OUTPUT_BODY", "bodies are not rewritten" },
    { "USERAGENT_IP", "take REMOTE_ADDR: `trust proxies` says whose word counts" },
    { "WEBSERVER_ERROR_LOG", "there is no log of Apache" },
};
const unsigned waf_refused_variable_count = ARRAY_LENGTH(waf_refused_variables);

static int unknown(struct seclang *l, slice name)
{
    for (unsigned i = 0; i < waf_refused_variable_count; i++)
        if (slice_equal_fold(name, slice_from(waf_refused_variables[i].name)))
            return load_error(l, name.ptr, "the variable %s does not exist here: %s",
                              waf_refused_variables[i].name, waf_refused_variables[i].why);
    const char *near = variable_suggest(name);
    return load_error(l, name.ptr, "unknown variable \"%.*s\"%s%s%s", SLICE_ARGUMENTS(name),
                      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int parse_one(struct seclang *l, slice text, struct targets *targets)
{
    struct target t = { .slot = WAF_NONE };
    slice rest = load_trim(text);
    while (rest.len && (rest.ptr[0] == '!' || rest.ptr[0] == '&')) {
        if (rest.ptr[0] == '!')
            t.is_excluded = true;
        else
            t.is_count = true;
        rest = load_trim(slice_after(rest, 1));
    }
    if (!rest.len)
        return load_error(l, text.ptr, "a variable is missing");
    if (t.is_excluded && t.is_count)
        return load_error(l, text.ptr, "! and & exclude each other");
    size_t colon = slice_find_byte(rest, ':');
    slice name = load_trim(slice_first(rest, colon));
    if (variable_find(name, &t.variable))
        return unknown(l, name);
    l->rules->is_timed |= t.variable == VARIABLE_DURATION;
    if (colon < rest.len)
        TRY(parse_selector(l, slice_after(rest, colon + 1), &t));
    else if (waf_variables[t.variable].kind == VARIABLE_XML && !t.is_excluded)
        return load_error(l, name.ptr,
                          "XML needs XML:/* (all text), XML://text() (its parts) or XML://@* (the "
                          "values of all attributes)");
    TRY(LIST_FIT(&l->scratch, targets));
    targets->items[targets->count++] = t;
    return 0;
}

int targets_parse(struct seclang *l, slice text, struct targets *targets)
{
    int result = 0;
    for (;;) {
        size_t length = target_length(text);
        result = load_worse(result, parse_one(l, slice_first(text, length), targets));
        if (length >= text.len)
            return result;
        text = slice_after(text, length + 1);
    }
}

bool target_is_same(const struct target *a, const struct target *b)
{
    return a->variable == b->variable && a->selector == b->selector &&
           slice_equal(a->name, b->name);
}
