/* ctl: what a rule changes for the transaction that it runs in. */
#include "base/number.h"
#include "waf/nearest.h"
#include "waf/seclang/action.h"
#include "waf/seclang/audit.h"
#include "waf/seclang/macro.h"
#include "waf/seclang/target.h"

enum ctl_value {
    CTL_VALUE_ENGINE, /* On, Off, DetectionOnly */
    CTL_VALUE_SWITCH, /* On, Off */
    CTL_VALUE_AUDIT,  /* On, Off, RelevantOnly */
    CTL_VALUE_BYTES,
    CTL_VALUE_LEVEL, /* 0 … 9 */
    CTL_VALUE_PROCESSOR,
    CTL_VALUE_PARTS,
    CTL_VALUE_IDS,
    CTL_VALUE_PATTERN,
    CTL_VALUE_REFUSED,
};

/* clang-format off */
static const struct {
    const char *name;
    enum ctl_kind kind;
    enum ctl_value value;
    bool has_target;     /* …;TARGET */
    const char *meaning; /* CTL_VALUE_REFUSED: why */
} options[] = {
    { "auditEngine", CTL_AUDIT_ENGINE, CTL_VALUE_AUDIT, false, "whether there is an audit record" },
    { "auditLogParts", CTL_AUDIT_LOG_PARTS, CTL_VALUE_PARTS, false, "the parts of the audit record: LETTERS, +LETTERS, -LETTERS" },
    { "debugLogLevel", CTL_DEBUG_LOG_LEVEL, CTL_VALUE_LEVEL, false, "there is no debug log: explain tells" },
    { "forceRequestBodyVariable", CTL_FORCE_REQUEST_BODY_VARIABLE, CTL_VALUE_SWITCH, false, "REQUEST_BODY also of a body of another type" },
    { "hashEnforcement", CTL_HASH_ENGINE, CTL_VALUE_REFUSED, false, "pages are not rewritten" },
    { "hashEngine", CTL_HASH_ENGINE, CTL_VALUE_REFUSED, false, "pages are not rewritten" },
    { "requestBodyAccess", CTL_REQUEST_BODY_ACCESS, CTL_VALUE_SWITCH, false, "whether the body of the request is looked into" },
    { "requestBodyLimit", CTL_REQUEST_BODY_LIMIT, CTL_VALUE_BYTES, false, "how long the body of the request may be" },
    { "requestBodyProcessor", CTL_REQUEST_BODY_PROCESSOR, CTL_VALUE_PROCESSOR, false, "who reads the body of the request" },
    { "responseBodyAccess", CTL_RESPONSE_BODY_ACCESS, CTL_VALUE_SWITCH, false, "whether the body of the response is looked into" },
    { "responseBodyLimit", CTL_RESPONSE_BODY_LIMIT, CTL_VALUE_BYTES, false, "how much of the body of the response is looked into" },
    { "ruleEngine", CTL_RULE_ENGINE, CTL_VALUE_ENGINE, false, "whether rules run, and whether they refuse" },
    { "ruleRemoveById", CTL_RULE_REMOVE_BY_ID, CTL_VALUE_IDS, false, "rules that do not run any more, in this transaction" },
    { "ruleRemoveByMsg", CTL_RULE_REMOVE_BY_MSG, CTL_VALUE_PATTERN, false, "the same by msg" },
    { "ruleRemoveByTag", CTL_RULE_REMOVE_BY_TAG, CTL_VALUE_PATTERN, false, "the same by tag" },
    { "ruleRemoveTargetById", CTL_RULE_REMOVE_TARGET_BY_ID, CTL_VALUE_IDS, true, "what these rules do not look at any more" },
    { "ruleRemoveTargetByMsg", CTL_RULE_REMOVE_TARGET_BY_MSG, CTL_VALUE_PATTERN, true, "the same by msg" },
    { "ruleRemoveTargetByTag", CTL_RULE_REMOVE_TARGET_BY_TAG, CTL_VALUE_PATTERN, true, "the same by tag" },
};
/* clang-format on */

bool ctl_word_at(unsigned index, struct ctl_word *ret)
{
    static const char *const forms[] = {
        [CTL_VALUE_ENGINE] = "=On|Off|DetectionOnly",
        [CTL_VALUE_SWITCH] = "=On|Off",
        [CTL_VALUE_AUDIT] = "=On|Off|RelevantOnly",
        [CTL_VALUE_BYTES] = "=BYTES",
        [CTL_VALUE_LEVEL] = "=0…9",
        [CTL_VALUE_PROCESSOR] = "=URLENCODED|MULTIPART|JSON|XML|TEXT",
        [CTL_VALUE_PARTS] = "=[+|-]LETTERS",
        [CTL_VALUE_IDS] = "=ID|ID-ID",
        [CTL_VALUE_PATTERN] = "=REGEX",
        [CTL_VALUE_REFUSED] = "",
    };
    if (index >= ARRAY_LENGTH(options))
        return false;
    enum ctl_value value = options[index].value;
    *ret = (struct ctl_word){ .name = options[index].name,
                              .form = !options[index].has_target ? forms[value]
                                      : value == CTL_VALUE_IDS   ? "=ID|ID-ID;TARGET"
                                                                 : "=REGEX;TARGET",
                              .meaning = options[index].meaning,
                              .is_refused = value == CTL_VALUE_REFUSED,
                              .is_without_effect = options[index].kind == CTL_DEBUG_LOG_LEVEL };
    return true;
}

static bool is_between_ids(char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

bool id_list_next(slice *rest, slice *ret)
{
    while (rest->len && is_between_ids(rest->ptr[0]))
        *rest = slice_after(*rest, 1);
    size_t end = 0;
    while (end < rest->len && !is_between_ids(rest->ptr[end]))
        end++;
    *ret = slice_first(*rest, end);
    *rest = slice_after(*rest, end);
    return end > 0;
}

int id_range_parse(struct seclang *l, slice text, struct id_range *ret_range)
{
    uint64_t first, last;
    size_t dash = slice_find_byte(text, '-');
    slice end = dash < text.len ? slice_after(text, dash + 1) : text;
    if (number_parse(load_trim(slice_first(text, dash)), WAF_NONE - 1, &first) ||
        number_parse(load_trim(end), WAF_NONE - 1, &last))
        return load_error(l, text.ptr,
                          "\"%.*s\" is neither the id of a rule nor a range such as "
                          "942100-942199",
                          SLICE_ARGUMENTS(text));
    if (first > last)
        return load_error(l, text.ptr, "the range %.*s ends before it begins",
                          SLICE_ARGUMENTS(text));
    *ret_range = (struct id_range){ .first = (uint32_t)first, .last = (uint32_t)last };
    return 0;
}

static int read_word(struct seclang *l, const char *option, slice value, const char *const words[3],
                     struct ctl_action *ctl)
{
    for (int i = 0; i < 3 && words[i]; i++)
        if (slice_equal_fold(value, slice_from(words[i]))) {
            ctl->number = i;
            return 0;
        }
    return load_error(l, value.ptr, "ctl:%s=%.*s: %s%s%s%s%s was expected", option,
                      SLICE_ARGUMENTS(value), words[0], words[2] ? ", " : " or ", words[1],
                      words[2] ? " or " : "", words[2] ? words[2] : "");
}

static int read_number(struct seclang *l, const char *option, slice value, uint64_t max,
                       struct ctl_action *ctl)
{
    uint64_t number;
    if (number_parse(value, max, &number))
        return load_error(l, value.ptr, "ctl:%s=%.*s: a number from 0 to %llu was expected", option,
                          SLICE_ARGUMENTS(value), (unsigned long long)max);
    ctl->number = (int64_t)number;
    return 0;
}

static int read_processor(struct seclang *l, slice value, struct ctl_action *ctl)
{
    static const char *const names[] = { "URLENCODED", "MULTIPART", "JSON", "XML", "TEXT" };
    for (unsigned i = 0; i < ARRAY_LENGTH(names); i++)
        if (slice_equal_fold(value, slice_from(names[i])))
            return macro_parse(l, slice_from(names[i]), false, &ctl->text);
    return load_error(l, value.ptr,
                      "ctl:requestBodyProcessor=%.*s: URLENCODED, MULTIPART, JSON, XML or "
                      "TEXT was expected",
                      SLICE_ARGUMENTS(value));
}

static int read_parts(struct seclang *l, slice value, struct ctl_action *ctl)
{
    size_t sign = value.len && (value.ptr[0] == '+' || value.ptr[0] == '-');
    uint32_t parts;
    TRY(audit_parts_parse(l, slice_after(value, sign), "ctl:auditLogParts", &parts));
    ctl->number = parts;
    ctl->change = !sign ? SET_ASSIGN : value.ptr[0] == '+' ? SET_ADD : SET_SUBTRACT;
    return 0;
}

/* Quotes around it are of those who write them, and of no message or tag. */
static int read_pattern(struct seclang *l, slice value, struct ctl_action *ctl)
{
    if (value.len > 2 && value.ptr[0] == '\'' && value.ptr[value.len - 1] == '\'')
        value = slice_first(slice_after(value, 1), value.len - 2);
    TRY(macro_parse(l, value, true, &ctl->text));
    return macro_is_variable(&ctl->text) ? 0 : load_selector(l, value, 0, &ctl->pattern);
}

static int read_value(struct seclang *l, unsigned option, slice value, struct ctl_action *ctl)
{
    static const char *const engine[3] = { "Off", "DetectionOnly", "On" };
    static const char *const on_off[3] = { "Off", "On", NULL };
    static const char *const audit[3] = { "Off", "On", "RelevantOnly" };
    const char *name = options[option].name;
    switch (options[option].value) {
    case CTL_VALUE_ENGINE:
        return read_word(l, name, value, engine, ctl);
    case CTL_VALUE_SWITCH:
        return read_word(l, name, value, on_off, ctl);
    case CTL_VALUE_AUDIT:
        return read_word(l, name, value, audit, ctl);
    case CTL_VALUE_BYTES:
        return read_number(l, name, value, INT64_MAX, ctl);
    case CTL_VALUE_LEVEL:
        return read_number(l, name, value, 9, ctl);
    case CTL_VALUE_PROCESSOR:
        return read_processor(l, value, ctl);
    case CTL_VALUE_PARTS:
        return read_parts(l, value, ctl);
    case CTL_VALUE_IDS:
        return id_range_parse(l, value, &ctl->ids);
    case CTL_VALUE_PATTERN:
        return read_pattern(l, value, ctl);
    case CTL_VALUE_REFUSED:
        return load_error(l, value.ptr, "ctl:%s does not exist here: %s", name,
                          options[option].meaning);
    }
    return -EINVAL;
}

static int read_targets(struct seclang *l, slice text, struct targets *targets)
{
    TRY(targets_parse(l, text, targets));
    for (unsigned i = 0; i < targets->count; i++)
        if (targets->items[i].is_count || targets->items[i].is_excluded)
            return load_error(l, text.ptr, "a target to leave out takes neither ! nor &");
    return 0;
}

/* Several ids and several targets become as many actions. */
static int make_each(struct seclang *l, unsigned option, slice value, const struct targets *targets,
                     struct action *action)
{
    struct ctl_action ctl = { .kind = options[option].kind };
    bool is_list = options[option].value == CTL_VALUE_IDS;
    slice rest = value, id;
    size_t parts = is_list ? 0 : 1, each = options[option].has_target ? targets->count : 1;
    while (is_list && id_list_next(&rest, &id))
        parts++;
    if (parts * each > SECLANG_RULES_MAX)
        return load_error(l, value.ptr, "ctl:%s names too many rules and targets",
                          options[option].name);
    action->ctls = arena_take_array(&l->scratch, parts * each, sizeof(ctl));
    if (!action->ctls)
        return -ENOMEM;
    rest = value;
    for (size_t i = 0; i < parts; i++) {
        TRY(read_value(l, option, is_list && id_list_next(&rest, &id) ? id : value, &ctl));
        for (size_t k = 0; k < each; k++) {
            if (options[option].has_target)
                ctl.target = targets->items[k];
            action->ctls[action->count++] = ctl;
        }
    }
    return 0;
}

static int find_option(struct seclang *l, slice name, unsigned *ret_option)
{
    struct nearest near = nearest_to(name);
    for (unsigned i = 0; i < ARRAY_LENGTH(options); i++) {
        *ret_option = i;
        if (slice_equal_fold(name, slice_from(options[i].name)))
            return 0;
        nearest_try(&near, options[i].name);
    }
    return load_error(l, name.ptr, "unknown option \"%.*s\" of ctl%s%s%s", SLICE_ARGUMENTS(name),
                      near.name ? "; did you mean " : "", near.name ? near.name : "",
                      near.name ? "?" : "");
}

int action_read_ctl(struct seclang *l, struct action *action)
{
    size_t equals = slice_find_byte(action->value, '=');
    slice value = load_trim(slice_after(action->value, equals + 1));
    unsigned option;
    TRY(find_option(l, load_trim(slice_first(action->value, equals)), &option));
    if (!value.len)
        return load_error(l, action->value.ptr, "ctl:%s needs =value", options[option].name);
    size_t semicolon = options[option].has_target ? slice_find_byte(value, ';') : value.len;
    slice target = slice_after(value, semicolon + 1);
    struct targets targets = { 0 };
    if (options[option].has_target && !target.len)
        return load_error(l, value.ptr,
                          "ctl:%s needs a target behind a semicolon, as in "
                          "942100;ARGS:name",
                          options[option].name);
    if (options[option].has_target)
        TRY(read_targets(l, target, &targets));
    return make_each(l, option, load_trim(slice_first(value, semicolon)), &targets, action);
}
