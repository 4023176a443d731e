#include "waf/seclang/words.h"

#include "waf/operators/operator.h"
#include "waf/seclang/action.h"
#include "waf/seclang/audit.h"
#include "waf/seclang/directive.h"
#include "waf/seclang/target.h"
#include "waf/transforms/transform.h"

/* --- Forms, which no table of the loader has ----------------------------------------------------
 */

/* clang-format off */
static const struct waf_word selectors[] = {
    { WORD_SELECTOR, WORD_WORKS, "", "VARIABLE", NULL, "", "every value of it", "SecRule ARGS \"@rx x\" \"id:1,phase:2,deny\"", NULL },
    { WORD_SELECTOR, WORD_WORKS, "", "VARIABLE:name", NULL, "", "the values of that name, whatever its case; 'name' in quotes may hold | and ,", "SecRule REQUEST_HEADERS:User-Agent \"@rx x\" \"id:1,phase:1,deny\"", NULL },
    { WORD_SELECTOR, WORD_WORKS, "", "VARIABLE:/regex/", NULL, "", "the values whose names match, whatever the case; '/regex/' in quotes may hold | and ,", "SecRule ARGS:/^id_/ \"!@rx ^[0-9]+$\" \"id:1,phase:2,deny\"", NULL },
    { WORD_SELECTOR, WORD_WORKS, "", "&VARIABLE", NULL, "[:name]", "how many there are", "SecRule &ARGS:id \"@gt 1\" \"id:1,phase:2,deny\"", NULL },
    { WORD_SELECTOR, WORD_WORKS, "", "!VARIABLE", NULL, "[:name]", "without these, wherever in the list it stands", "SecRule ARGS|!ARGS:text \"@rx x\" \"id:1,phase:2,deny\"", NULL },
    { WORD_SELECTOR, WORD_WORKS, "", "A|B", NULL, "", "both; a comma does the same", "SecRule ARGS|REQUEST_COOKIES \"@rx x\" \"id:1,phase:2,deny\"", NULL },
    { WORD_SELECTOR, WORD_WORKS, "", "XML:/*", NULL, "", "all text of an XML document, as one value", "SecRule XML:/* \"@rx x\" \"id:1,phase:2,deny\"", "XPath beyond these forms is an error" },
    { WORD_SELECTOR, WORD_WORKS, "", "XML://text()", NULL, "", "the same text in parts: a new one where an element follows the end of another; without white space around", "SecRule XML://text() \"@rx x\" \"id:1,phase:2,deny\"", "ModSecurity: each run of text between two tags. What takes XML:/* away from a rule takes these too" },
    { WORD_SELECTOR, WORD_WORKS, "", "XML://@*", NULL, "", "the values of all attributes of an XML document", "SecRule XML://@* \"@rx x\" \"id:1,phase:2,deny\"", NULL },
};

static const struct waf_word macros[] = {
    { WORD_MACRO, WORD_WORKS, "", "%{VARIABLE}", NULL, "", "the value of a variable; of one with several the first", "msg:'from %{REMOTE_ADDR}'", "an unknown variable is an error; in a regular expression it is text" },
    { WORD_MACRO, WORD_WORKS, "", "%{COLLECTION.name}", NULL, "", "one of its values; empty when there is none", "setvar:'tx.sum=+%{tx.part}'", NULL },
    { WORD_MACRO, WORD_WORKS, "", "%{TX.0}", NULL, "", "what the last rule with capture matched; %{TX.1} to %{TX.9}: its groups", "logdata:'%{TX.0}'", NULL },
    { WORD_MACRO, WORD_WORKS, "", "%{RULE.id}", NULL, "", "of the rule that runs: id, rev, severity, msg, logdata", "msg:'rule %{RULE.id}'", NULL },
};

/* Where a word that works does something else than in ModSecurity. */
static const struct {
    enum waf_word_kind kind;
    const char *name, *difference;
} differences[] = {
    { WORD_DIRECTIVE, "SecAuditEngine", "RelevantOnly unless it is written; what is written at all says `log audit`" },
    { WORD_DIRECTIVE, "SecAuditLogParts", "see the parts below" },
    { WORD_DIRECTIVE, "SecRequestBodyAccess", "On unless it is written" },
    { WORD_DIRECTIVE, "SecRequestBodyLimit", "`waf { body }` of the proxy is the bound" },
    { WORD_DIRECTIVE, "SecResponseBodyAccess", "On unless it is written" },
    { WORD_DIRECTIVE, "SecResponseBodyLimit", "`waf { response }` of the proxy is the bound" },
    { WORD_DIRECTIVE, "SecRuleEngine", "On unless it is written; `waf { mode shadow }` is DetectionOnly, whatever the rules say" },
    { WORD_DIRECTIVE, "SecRuleRemoveByTag", "a regular expression, as in ModSecurity 2; 3 compares text" },
    { WORD_DIRECTIVE, "SecRuleRemoveByMsg", "a regular expression, as in ModSecurity 2; 3 compares text" },
    { WORD_DIRECTIVE, "SecRuleUpdateTargetById", "the head of a chain, as in ModSecurity 2" },
    { WORD_DIRECTIVE, "SecWebAppId", "sites have collections of their own unless it is written" },
    { WORD_VARIABLE, "REMOTE_HOST", "an address: ModSecurity asks the DNS" },
    { WORD_VARIABLE, "REQUEST_BODY", "only of forms and of bodies that a rule asks for, as in ModSecurity 2" },
    { WORD_VARIABLE, "MULTIPART_UNMATCHED_BOUNDARY", "2 for a line that only begins as a boundary, as ModSecurity 3; the recommended rule asks for 1" },
    { WORD_OPERATOR, "detectSQLi", "a detector of our own; TX.0 is its fingerprint" },
    { WORD_OPERATOR, "detectXSS", "a detector of our own" },
    { WORD_OPERATOR, "geoLookup", "databases of MaxMind's format (.mmdb), as in ModSecurity 3; those of GeoIP Legacy are refused" },
    { WORD_OPERATOR, "rbl", "also IPv6 addresses; TX.0 has no key in it; answers that are none of 127.0.0.0/8, or say that the list does not answer (127.255.255.0/24), match nothing" },
    { WORD_OPERATOR, "rx", "in time linear in the value; what needs PCRE (lookaround, backreferences) runs under a budget, and what exceeds it refuses the request" },
    { WORD_ACTION, "drop", "over HTTP/2 the stream is reset" },
    { WORD_ACTION, "deprecatevar", "ModSecurity 3 has none" },
    { WORD_ACTION, "expirevar", "beyond SecCollectionTimeout the collection lives as long" },
    { WORD_ACTION, "setvar", "in a persistent collection others see it at once" },
    { WORD_CTL, "requestBodyProcessor", "TEXT besides: the body as ARGS:text" },
    { WORD_CTL, "ruleRemoveByTag", "a regular expression, as in ModSecurity 2" },
    { WORD_CTL, "ruleRemoveByMsg", "a regular expression, as in ModSecurity 2" },
    { WORD_CTL, "ruleRemoveTargetByTag", "a regular expression, as in ModSecurity 2" },
    { WORD_CTL, "ruleRemoveTargetByMsg", "a regular expression, as in ModSecurity 2" },
};
/* clang-format on */

/* --- Tables ----------------------------------------------------------------------------------- */

static bool directive_at(unsigned index, struct waf_word *ret)
{
    static const enum waf_word_effect effects[] = { [DIRECTIVE_WORKS] = WORD_WORKS,
                                                    [DIRECTIVE_ACCEPTED] = WORD_WITHOUT_EFFECT,
                                                    [DIRECTIVE_REFUSED] = WORD_REFUSED };
    if (index >= waf_directive_row_count)
        return false;
    const struct directive_row *row = &waf_directive_rows[index];
    *ret = (struct waf_word){ .effect = effects[row->effect],
                              .name = row->name,
                              .form = row->arguments,
                              .meaning = row->meaning };
    return true;
}

static bool variable_at(unsigned index, struct waf_word *ret)
{
    if (index < VARIABLE_COUNT) {
        const struct variable *v = &waf_variables[index];
        *ret = (struct waf_word){ .name = v->name,
                                  .form = v->kind == VARIABLE_COLLECTION ? "[:name]" : "",
                                  .meaning = v->meaning };
        return true;
    }
    index -= VARIABLE_COUNT;
    if (index >= waf_refused_variable_count)
        return false;
    *ret = (struct waf_word){ .effect = WORD_REFUSED,
                              .name = waf_refused_variables[index].name,
                              .meaning = waf_refused_variables[index].why };
    return true;
}

static bool special_at(unsigned index, struct waf_word *ret)
{
    if (index >= SPECIAL_COUNT)
        return false;
    *ret = (struct waf_word){ .name = waf_specials[index].name,
                              .meaning = waf_specials[index].meaning };
    return true;
}

static bool operator_at(unsigned index, struct waf_word *ret)
{
    if (index < waf_operator_count) {
        const struct operator* op = waf_operators[index];
        *ret = (struct waf_word){ .name = op->name,
                                  .alias = op->alias,
                                  .form = op->takes_argument ? "ARGUMENT" : "",
                                  .meaning = op->meaning,
                                  .example = op->example };
        return true;
    }
    index -= (unsigned)waf_operator_count;
    if (index >= waf_refused_operator_count)
        return false;
    *ret = (struct waf_word){ .effect = WORD_REFUSED,
                              .name = waf_refused_operators[index].name,
                              .meaning = waf_refused_operators[index].why };
    return true;
}

static bool transform_at(unsigned index, struct waf_word *ret)
{
    if (index >= waf_transform_count)
        return false;
    const struct transform *t = waf_transforms[index];
    *ret = (struct waf_word){
        .name = t->name, .alias = t->alias, .meaning = t->meaning, .example = t->example
    };
    return true;
}

static bool action_at(unsigned index, struct waf_word *ret)
{
    static const char *const forms[] = {
        [VALUE_NONE] = "", [VALUE_OPTIONAL] = "[:VALUE]", [VALUE_NEEDED] = ":VALUE"
    };
    if (index >= waf_action_count)
        return false;
    const struct action_row *row = &waf_actions[index];
    *ret = (struct waf_word){ .effect = row->kind == ACTION_REFUSED   ? WORD_REFUSED
                                        : row->kind == ACTION_NOTHING ? WORD_WITHOUT_EFFECT
                                                                      : WORD_WORKS,
                              .name = row->name,
                              .form = forms[row->value],
                              .meaning = row->meaning };
    return true;
}

static bool ctl_at(unsigned index, struct waf_word *ret)
{
    struct ctl_word row;
    if (!ctl_word_at(index, &row))
        return false;
    *ret = (struct waf_word){ .effect = row.is_refused          ? WORD_REFUSED
                                        : row.is_without_effect ? WORD_WITHOUT_EFFECT
                                                                : WORD_WORKS,
                              .name = row.name,
                              .form = row.form,
                              .meaning = row.meaning };
    return true;
}

static bool audit_part_at(unsigned index, struct waf_word *ret)
{
    if (index >= waf_audit_part_count)
        return false;
    const struct audit_part_row *row = &waf_audit_parts_table[index];
    *ret = (struct waf_word){ .effect = row->is_nothing ? WORD_WITHOUT_EFFECT : WORD_WORKS,
                              .name = row->letter,
                              .meaning = row->meaning };
    return true;
}

static bool selector_at(unsigned index, struct waf_word *ret)
{
    if (index < ARRAY_LENGTH(selectors))
        *ret = selectors[index];
    return index < ARRAY_LENGTH(selectors);
}

static bool macro_at(unsigned index, struct waf_word *ret)
{
    if (index < ARRAY_LENGTH(macros))
        *ret = macros[index];
    return index < ARRAY_LENGTH(macros);
}

static const struct {
    const char *name, *before;
    bool (*at)(unsigned index, struct waf_word *ret);
} kinds[WORD_KINDS] = {
    [WORD_DIRECTIVE] = { "directives", "", directive_at },
    [WORD_VARIABLE] = { "variables", "", variable_at },
    [WORD_SPECIAL] = { "what persistent collections tell of themselves", "", special_at },
    [WORD_SELECTOR] = { "targets", "", selector_at },
    [WORD_MACRO] = { "macros", "", macro_at },
    [WORD_OPERATOR] = { "operators", "@", operator_at },
    [WORD_TRANSFORM] = { "transformations", "t:", transform_at },
    [WORD_ACTION] = { "actions", "", action_at },
    [WORD_CTL] = { "options of ctl", "ctl:", ctl_at },
    [WORD_AUDIT_PART] = { "parts of an audit record", "", audit_part_at },
};

unsigned waf_word_differences(void)
{
    return ARRAY_LENGTH(differences);
}

const char *waf_word_kind_name(enum waf_word_kind kind)
{
    return kinds[kind].name;
}

bool waf_word_at(enum waf_word_kind kind, unsigned index, struct waf_word *ret)
{
    if (!kinds[kind].at(index, ret))
        return false;
    ret->kind = kind;
    ret->before = kinds[kind].before;
    if (!ret->form)
        ret->form = "";
    for (size_t i = 0; i < ARRAY_LENGTH(differences); i++)
        if (differences[i].kind == kind && strcmp(differences[i].name, ret->name) == 0)
            ret->difference = differences[i].difference;
    return true;
}

static bool is_called(const struct waf_word *word, slice name)
{
    return slice_equal_fold(name, slice_from(word->name)) ||
           (word->alias && slice_equal_fold(name, slice_from(word->alias)));
}

static bool find_of(enum waf_word_kind kind, slice name, struct waf_word *ret)
{
    for (unsigned i = 0; waf_word_at(kind, i, ret); i++)
        if (is_called(ret, name))
            return true;
    return false;
}

/* Without the ":name" or "=value" that may follow. */
static slice bare(slice text)
{
    text = slice_first(text, slice_find_byte(text, ':'));
    text = slice_first(text, slice_find_byte(text, '='));
    return slice_first(text, slice_find_byte(text, ' '));
}

bool waf_word_find(slice text, struct waf_word *ret)
{
    static const enum waf_word_kind alone[] = { WORD_DIRECTIVE, WORD_VARIABLE, WORD_ACTION,
                                                WORD_TRANSFORM, WORD_CTL,      WORD_OPERATOR };
    static const enum waf_word_kind marked[] = { WORD_OPERATOR, WORD_TRANSFORM, WORD_CTL };
    if (slice_starts_with(text, SLICE("!@")))
        text = slice_after(text, 1);
    for (size_t i = 0; i < ARRAY_LENGTH(marked); i++) {
        slice before = slice_from(kinds[marked[i]].before);
        if (slice_starts_with(text, before) && text.len > before.len)
            return find_of(marked[i], bare(slice_after(text, before.len)), ret);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(alone); i++)
        if (find_of(alone[i], bare(text), ret))
            return true;
    return false;
}
