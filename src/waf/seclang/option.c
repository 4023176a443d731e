#include "waf/seclang/option.h"

#include <ctype.h>
#include <stddef.h>

#include "base/file.h"
#include "base/number.h"
#include "waf/seclang/audit.h"
#include "waf/seclang/directive.h"
#include "waf/transforms/unicode_map.h"

enum option_kind {
    OPTION_MODE,
    OPTION_SWITCH, /* bool */
    OPTION_BYTES,  /* uint64_t */
    OPTION_COUNT,  /* unsigned */
    OPTION_LIMIT_ACTION,
    OPTION_AUDIT,
    OPTION_COOKIES,
    OPTION_TEXT,
    OPTION_PARTS,    /* of audit records */
    OPTION_STATUSES, /* a regular expression */
};

/* clang-format off */
static const struct {
    const char *name;
    enum option_kind kind;
    size_t offset;
    uint64_t max;
} options[] = {
    { "SecRuleEngine", OPTION_MODE, offsetof(struct waf_directives, mode), 0 },
    { "SecRequestBodyAccess", OPTION_SWITCH, offsetof(struct waf_directives, has_request_body), 0 },
    { "SecRequestBodyLimit", OPTION_BYTES, offsetof(struct waf_directives, request_body_bytes_max), INT64_MAX },
    { "SecRequestBodyNoFilesLimit", OPTION_BYTES, offsetof(struct waf_directives, request_body_no_files_bytes_max), INT64_MAX },
    { "SecRequestBodyLimitAction", OPTION_LIMIT_ACTION, offsetof(struct waf_directives, request_body_action), 0 },
    { "SecRequestBodyJsonDepthLimit", OPTION_COUNT, offsetof(struct waf_directives, json_depth_max), 10000 },
    { "SecResponseBodyAccess", OPTION_SWITCH, offsetof(struct waf_directives, has_response_body), 0 },
    { "SecResponseBodyLimit", OPTION_BYTES, offsetof(struct waf_directives, response_body_bytes_max), INT64_MAX },
    { "SecResponseBodyLimitAction", OPTION_LIMIT_ACTION, offsetof(struct waf_directives, response_body_action), 0 },
    { "SecArgumentsLimit", OPTION_COUNT, offsetof(struct waf_directives, arguments_max), 1000000 },
    { "SecUploadFileLimit", OPTION_COUNT, offsetof(struct waf_directives, upload_files_max), 1000000 },
    { "SecCookieFormat", OPTION_COOKIES, offsetof(struct waf_directives, cookie_format), 0 },
    { "SecAuditEngine", OPTION_AUDIT, offsetof(struct waf_directives, audit_engine), 0 },
    { "SecAuditLogParts", OPTION_PARTS, offsetof(struct waf_directives, audit_parts), 0 },
    { "SecAuditLogRelevantStatus", OPTION_STATUSES, offsetof(struct waf_directives, audit_statuses), 0 },
    { "SecWebAppId", OPTION_TEXT, offsetof(struct waf_directives, web_app_id), 0 },
    { "SecCollectionTimeout", OPTION_COUNT, offsetof(struct waf_directives, collection_timeout_s), 100000000 },
};
/* clang-format on */

static const char *const on_off[4] = { "Off", "On", NULL };

int options_default(struct seclang *l)
{
    static const slice types[] = { SLICE("text/plain"), SLICE("text/html"), SLICE("text/xml") };
    l->rules->directives = (struct waf_directives){
        .mode = WAF_ENFORCE,
        .has_request_body = true,
        .has_response_body = true,
        .request_body_bytes_max = 13107200,
        .request_body_no_files_bytes_max = 131072,
        .request_body_action = BODY_REJECT,
        .response_body_bytes_max = 524288,
        .response_body_action = BODY_PROCESS_PARTIAL,
        .json_depth_max = 512,
        .arguments_max = 1000,
        .upload_files_max = 100,
        .argument_separator = '&',
        .collection_timeout_s = 3600,
        .audit_engine = AUDIT_RELEVANT,
        .audit_parts = AUDIT_PART('A') | AUDIT_PART('B') | AUDIT_PART('C') | AUDIT_PART('F') |
                       AUDIT_PART('H') | AUDIT_PART('Z'),
        .web_app_id = SLICE("default"),
    };
    return option_response_types(l, types, ARRAY_LENGTH(types));
}

static int set(struct seclang *l, unsigned option, slice word)
{
    static const char *const modes[4] = { "Off", "DetectionOnly", "On", NULL };
    static const char *const audit[4] = { "Off", "On", "RelevantOnly", NULL };
    static const char *const actions[4] = { "Reject", "ProcessPartial", NULL };
    static const char *const formats[4] = { "0", "1", NULL };
    const char *name = options[option].name;
    void *to = (char *)&l->rules->directives + options[option].offset;
    unsigned choice;
    uint64_t number;
    switch (options[option].kind) {
    case OPTION_MODE:
        TRY(directive_choice(l, word, name, modes, &choice));
        *(enum waf_mode *)to = (enum waf_mode)choice;
        break;
    case OPTION_SWITCH:
        TRY(directive_choice(l, word, name, on_off, &choice));
        *(bool *)to = choice != 0;
        break;
    case OPTION_BYTES:
        TRY(directive_number(l, word, name, options[option].max, &number));
        *(uint64_t *)to = number;
        break;
    case OPTION_COUNT:
        TRY(directive_number(l, word, name, options[option].max, &number));
        *(unsigned *)to = (unsigned)number;
        break;
    case OPTION_LIMIT_ACTION:
        TRY(directive_choice(l, word, name, actions, &choice));
        *(enum body_limit_action *)to = choice ? BODY_PROCESS_PARTIAL : BODY_REJECT;
        break;
    case OPTION_AUDIT:
        TRY(directive_choice(l, word, name, audit, &choice));
        *(enum audit_engine *)to = (enum audit_engine)choice;
        break;
    case OPTION_COOKIES:
        TRY(directive_choice(l, word, name, formats, &choice));
        *(unsigned char *)to = (unsigned char)choice;
        break;
    case OPTION_TEXT:
        *(slice *)to = word;
        break;
    case OPTION_PARTS:
        return audit_parts_parse(l, word, name, to);
    case OPTION_STATUSES:
        return audit_statuses_parse(l, word, to);
    }
    return 0;
}

int option_run(struct seclang *l, const slice *words, unsigned count)
{
    (void)count;
    for (unsigned i = 0; i < ARRAY_LENGTH(options); i++)
        if (slice_equal_fold(l->line->words.items[0], slice_from(options[i].name)))
            return set(l, i, words[0]);
    return -EINVAL;
}

static const char *own_name(struct seclang *l)
{
    return l->line->words.items[0].ptr; /* a NUL stands behind each word */
}

int option_check_switch(struct seclang *l, const slice *words, unsigned count)
{
    (void)count;
    unsigned choice;
    return directive_choice(l, words[0], own_name(l), on_off, &choice);
}

int option_check_number(struct seclang *l, const slice *words, unsigned count)
{
    (void)count;
    uint64_t number;
    return directive_number(l, words[0], own_name(l), INT64_MAX, &number);
}

int option_check_off(struct seclang *l, const slice *words, unsigned count)
{
    (void)count;
    if (slice_equal_fold(words[0], SLICE("Off")))
        return 0;
    const char *why = directive_find(slice_from(own_name(l)))->meaning;
    return load_error(l, words[0].ptr, "%s can only be Off here: %s", own_name(l), why);
}

static void close_geo(void *thing)
{
    struct geo_database *geo = thing;
    geo->close(geo);
}

int option_geo_database(struct seclang *l, const slice *words, unsigned count)
{
    (void)count;
    struct geo_database *geo;
    const char *why;
    if (!l->world.geo_open) {
        load_warning(l, words[0].ptr,
                     "no database of places is read: @geoLookup matches nothing, and GEO is empty");
        return 0;
    }
    int result = l->world.geo_open(l->world.context, words[0], l->file, &geo, &why);
    if (result == -EINVAL)
        return load_error(l, words[0].ptr, "no database of places in \"%.*s\": %s",
                          SLICE_ARGUMENTS(words[0]), why);
    TRY(result);
    TRY(ruleset_own(l->rules, close_geo, geo));
    l->rules->geo = geo;
    return 0;
}

int option_response_types(struct seclang *l, const slice *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        slice type = load_lower(l, words[i]);
        if (!type.ptr)
            return -ENOMEM;
        TRY(LIST_FIT(&l->scratch, &l->types));
        l->types.items[l->types.count++] = type;
    }
    return 0;
}

int option_response_types_clear(struct seclang *l, const slice *words, unsigned count)
{
    (void)words;
    (void)count;
    l->types.count = 0;
    return 0;
}

int option_unicode_map(struct seclang *l, const slice *words, unsigned count)
{
    uint64_t page = 20127;
    if (count > 1)
        TRY(directive_number(l, words[1], "the code page", 65535, &page));
    slice text;
    int result = l->world.read(l->world.context, words[0], l->file, &l->scratch, &text);
    if (result == -ENOMEM)
        return result;
    if (result)
        return load_error(l, words[0].ptr, "cannot read \"%.*s\": %s", SLICE_ARGUMENTS(words[0]),
                          file_problem(result));
    struct waf_problem problem = { .file = words[0] };
    result = unicode_map_parse(text, (unsigned)page, &l->rules->arena,
                               &l->rules->directives.unicode_map, &problem);
    return result == -EINVAL ? load_problem(l, &problem) : result;
}

/* It becomes a label of the names that are asked for. */
int option_list_key(struct seclang *l, const slice *words, unsigned count)
{
    enum { LABEL_MAX = 63 };
    (void)count;
    bool is_label = words[0].len > 0 && words[0].len <= LABEL_MAX;
    for (size_t i = 0; is_label && i < words[0].len; i++)
        is_label = isalnum((unsigned char)words[0].ptr[i]);
    if (!is_label)
        return load_error(l, words[0].ptr,
                          "SecHttpBlKey needs the key of Project Honey Pot, such as "
                          "abcdefghijkl: letters and digits");
    l->rules->directives.list_key = words[0];
    return 0;
}

int option_argument_separator(struct seclang *l, const slice *words, unsigned count)
{
    (void)count;
    if (words[0].len != 1)
        return load_error(l, words[0].ptr, "SecArgumentSeparator needs one character");
    l->rules->directives.argument_separator = words[0].ptr[0];
    return 0;
}

/* Several rule sets may name themselves. */
int option_component_signature(struct seclang *l, const slice *words, unsigned count)
{
    (void)count;
    slice *signature = &l->rules->directives.component_signature;
    size_t length = signature->len ? signature->len + 2 : 0;
    char *both = arena_take(&l->rules->arena, length + words[0].len + 1);
    if (!both)
        return -ENOMEM;
    if (length) {
        memcpy(both, signature->ptr, signature->len);
        memcpy(both + signature->len, "; ", 2);
    }
    memcpy(both + length, words[0].ptr, words[0].len);
    *signature = slice_of(both, length + words[0].len);
    return 0;
}
