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

static const struct {
    const char *name;
    enum ctl_kind kind;
    enum ctl_value value;
    bool has_target; /* …;TARGET */
} options[] = {
    { "auditEngine", CTL_AUDIT_ENGINE, CTL_VALUE_AUDIT, false },
    { "auditLogParts", CTL_AUDIT_LOG_PARTS, CTL_VALUE_PARTS, false },
    { "debugLogLevel", CTL_DEBUG_LOG_LEVEL, CTL_VALUE_LEVEL, false },
    { "forceRequestBodyVariable", CTL_FORCE_REQUEST_BODY_VARIABLE, CTL_VALUE_SWITCH, false },
    { "hashEnforcement", CTL_HASH_ENGINE, CTL_VALUE_REFUSED, false },
    { "hashEngine", CTL_HASH_ENGINE, CTL_VALUE_REFUSED, false },
    { "requestBodyAccess", CTL_REQUEST_BODY_ACCESS, CTL_VALUE_SWITCH, false },
    { "requestBodyLimit", CTL_REQUEST_BODY_LIMIT, CTL_VALUE_BYTES, false },
    { "requestBodyProcessor", CTL_REQUEST_BODY_PROCESSOR, CTL_VALUE_PROCESSOR, false },
    { "responseBodyAccess", CTL_RESPONSE_BODY_ACCESS, CTL_VALUE_SWITCH, false },
    { "responseBodyLimit", CTL_RESPONSE_BODY_LIMIT, CTL_VALUE_BYTES, false },
    { "ruleEngine", CTL_RULE_ENGINE, CTL_VALUE_ENGINE, false },
    { "ruleRemoveById", CTL_RULE_REMOVE_BY_ID, CTL_VALUE_IDS, false },
    { "ruleRemoveByMsg", CTL_RULE_REMOVE_BY_MSG, CTL_VALUE_PATTERN, false },
    { "ruleRemoveByTag", CTL_RULE_REMOVE_BY_TAG, CTL_VALUE_PATTERN, false },
    { "ruleRemoveTargetById", CTL_RULE_REMOVE_TARGET_BY_ID, CTL_VALUE_IDS, true },
    { "ruleRemoveTargetByMsg", CTL_RULE_REMOVE_TARGET_BY_MSG, CTL_VALUE_PATTERN, true },
    { "ruleRemoveTargetByTag", CTL_RULE_REMOVE_TARGET_BY_TAG, CTL_VALUE_PATTERN, true },
};

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

static int read_pattern(struct seclang *l, slice value, struct ctl_action *ctl)
{
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
        return load_error(l, value.ptr, "ctl:%s does not exist here: pages are not rewritten",
                          name);
    }
    return -EINVAL;
}

/* Several targets in one action become as many actions. */
static int with_targets(struct seclang *l, slice text, struct ctl_action *ctl,
                        struct action *action)
{
    struct targets targets = { 0 };
    TRY(targets_parse(l, text, &targets));
    action->ctls = arena_take_array(&l->scratch, targets.count, sizeof(*ctl));
    if (!action->ctls)
        return -ENOMEM;
    for (unsigned i = 0; i < targets.count; i++) {
        if (targets.items[i].is_count || targets.items[i].is_excluded)
            return load_error(l, text.ptr, "a target to leave out takes neither ! nor &");
        action->ctls[i] = *ctl;
        action->ctls[i].target = targets.items[i];
    }
    action->count = targets.count;
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
    struct ctl_action ctl = { .kind = options[option].kind };
    size_t semicolon = options[option].has_target ? slice_find_byte(value, ';') : value.len;
    slice target = slice_after(value, semicolon + 1);
    if (options[option].has_target && !target.len)
        return load_error(l, value.ptr,
                          "ctl:%s needs a target behind a semicolon, as in "
                          "942100;ARGS:name",
                          options[option].name);
    TRY(read_value(l, option, load_trim(slice_first(value, semicolon)), &ctl));
    if (options[option].has_target)
        return with_targets(l, target, &ctl, action);
    action->ctls = arena_take(&l->scratch, sizeof(ctl));
    if (!action->ctls)
        return -ENOMEM;
    *action->ctls = ctl;
    action->count = 1;
    return 0;
}
