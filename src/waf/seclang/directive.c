#include "waf/seclang/directive.h"

#include "base/number.h"
#include "waf/nearest.h"
#include "waf/seclang/option.h"

#define OWN_LOGS "the logs of the proxy are set in its own configuration"
#define NO_FILES "nothing is written to files: bodies are held in memory"
#define LINEAR   "a value is matched in linear time, under a budget of the proxy's own"
#define ANY      255

/* clang-format off */
const struct directive_row waf_directive_rows[] = {
    { "Include", 1, ANY, DIRECTIVE_WORKS, directive_include, "FILE…", "reads files, * and ? in the order of their names; there must be one" },
    { "IncludeOptional", 1, ANY, DIRECTIVE_WORKS, directive_include_optional, "FILE…", "the same; there may be none" },
    { "SecAction", 1, 1, DIRECTIVE_WORKS, directive_action, "\"ACTIONS\"", "a rule that always matches" },
    { "SecArgumentSeparator", 1, 1, DIRECTIVE_WORKS, option_argument_separator, "CHARACTER", "what parts the arguments of a query or form" },
    { "SecArgumentsLimit", 1, 1, DIRECTIVE_WORKS, option_run, "NUMBER", "how many arguments are read" },
    { "SecAuditEngine", 1, 1, DIRECTIVE_WORKS, option_run, "On|Off|RelevantOnly", "which transactions belong in the audit log" },
    { "SecAuditLog", 1, 1, DIRECTIVE_ACCEPTED, NULL, "FILE", "`log audit` of the proxy says where records go" },
    { "SecAuditLog2", 1, 1, DIRECTIVE_ACCEPTED, NULL, "FILE", "`log audit` of the proxy says where records go" },
    { "SecAuditLogDirMode", 1, 1, DIRECTIVE_ACCEPTED, NULL, "MODE", OWN_LOGS },
    { "SecAuditLogFileMode", 1, 1, DIRECTIVE_ACCEPTED, NULL, "MODE", OWN_LOGS },
    { "SecAuditLogFormat", 1, 1, DIRECTIVE_ACCEPTED, NULL, "JSON|Native", "records are JSON" },
    { "SecAuditLogParts", 1, 1, DIRECTIVE_WORKS, option_run, "LETTERS", "what an audit record holds" },
    { "SecAuditLogRelevantStatus", 1, 1, DIRECTIVE_WORKS, option_run, "REGEX", "which statuses RelevantOnly means" },
    { "SecAuditLogStorageDir", 1, 1, DIRECTIVE_ACCEPTED, NULL, "FOLDER", OWN_LOGS },
    { "SecAuditLogType", 1, 1, DIRECTIVE_ACCEPTED, NULL, "Serial|Concurrent", OWN_LOGS },
    { "SecCacheTransformations", 1, 2, DIRECTIVE_ACCEPTED, NULL, "On|Off", "each value is transformed once anyway" },
    { "SecChrootDir", 1, 1, DIRECTIVE_ACCEPTED, NULL, "FOLDER", "the proxy confines its processes itself" },
    { "SecCollectionTimeout", 1, 1, DIRECTIVE_WORKS, option_run, "SECONDS", "how long a record of a persistent collection is kept unused" },
    { "SecComponentSignature", 1, 1, DIRECTIVE_WORKS, option_component_signature, "TEXT", "the name of a set of rules, for records" },
    { "SecConnEngine", 1, 1, DIRECTIVE_ACCEPTED, NULL, "On|Off|DetectionOnly", "connections are judged by the proxy" },
    { "SecConnReadStateLimit", 1, 2, DIRECTIVE_ACCEPTED, NULL, "NUMBER", "connections are judged by the proxy" },
    { "SecConnWriteStateLimit", 1, 2, DIRECTIVE_ACCEPTED, NULL, "NUMBER", "connections are judged by the proxy" },
    { "SecContentInjection", 1, 1, DIRECTIVE_WORKS, option_check_off, "Off", "pages are not rewritten" },
    { "SecCookieFormat", 1, 1, DIRECTIVE_WORKS, option_run, "0|1", "how Cookie fields are read" },
    { "SecDataDir", 1, 1, DIRECTIVE_ACCEPTED, NULL, "FOLDER", "persistent collections are kept in memory" },
    { "SecDebugLog", 1, 1, DIRECTIVE_ACCEPTED, NULL, "FILE", OWN_LOGS },
    { "SecDebugLogLevel", 1, 1, DIRECTIVE_ACCEPTED, option_check_number, "NUMBER", OWN_LOGS },
    { "SecDefaultAction", 1, 1, DIRECTIVE_WORKS, directive_default_action, "\"ACTIONS\"", "what rules of a phase that follow do unless they say otherwise, and what block means" },
    { "SecDisableBackendCompression", 1, 1, DIRECTIVE_ACCEPTED, option_check_switch, "On|Off", "compressed bodies are read" },
    { "SecGeoLookupDb", 1, 1, DIRECTIVE_WORKS, option_geo_database, "FILE", "the database of places that @geoLookup asks, in MaxMind's format" },
    { "SecGsbLookupDb", 1, 1, DIRECTIVE_REFUSED, NULL, "FILE", "there is no @gsbLookup" },
    { "SecGuardianLog", 1, 1, DIRECTIVE_ACCEPTED, NULL, "FILE", OWN_LOGS },
    { "SecHashEngine", 1, 1, DIRECTIVE_WORKS, option_check_off, "Off", "pages are not rewritten" },
    { "SecHashKey", 1, ANY, DIRECTIVE_REFUSED, NULL, "", "pages are not rewritten" },
    { "SecHashMethodPm", 1, ANY, DIRECTIVE_REFUSED, NULL, "", "pages are not rewritten" },
    { "SecHashMethodRx", 1, ANY, DIRECTIVE_REFUSED, NULL, "", "pages are not rewritten" },
    { "SecHashParam", 1, ANY, DIRECTIVE_REFUSED, NULL, "", "pages are not rewritten" },
    { "SecHttpBlKey", 1, 1, DIRECTIVE_WORKS, option_list_key, "KEY", "the key with which @rbl asks Project Honey Pot (httpbl.org)" },
    { "SecInterceptOnError", 1, 1, DIRECTIVE_ACCEPTED, option_check_switch, "On|Off", "a rule that cannot be decided refuses the request" },
    { "SecMarker", 1, 1, DIRECTIVE_WORKS, directive_marker, "NAME", "where skipAfter goes on" },
    { "SecPcreMatchLimit", 1, 1, DIRECTIVE_ACCEPTED, option_check_number, "NUMBER", LINEAR },
    { "SecPcreMatchLimitRecursion", 1, 1, DIRECTIVE_ACCEPTED, option_check_number, "NUMBER", LINEAR },
    { "SecReadStateLimit", 1, 2, DIRECTIVE_ACCEPTED, NULL, "NUMBER", "connections are judged by the proxy" },
    { "SecRemoteRules", 2, ANY, DIRECTIVE_REFUSED, NULL, "KEY URL", "rules are not fetched" },
    { "SecRequestBodyAccess", 1, 1, DIRECTIVE_WORKS, option_run, "On|Off", "whether request bodies are looked into" },
    { "SecRequestBodyInMemoryLimit", 1, 1, DIRECTIVE_ACCEPTED, option_check_number, "BYTES", NO_FILES },
    { "SecRequestBodyJsonDepthLimit", 1, 1, DIRECTIVE_WORKS, option_run, "NUMBER", "how deep JSON may be nested" },
    { "SecRequestBodyLimit", 1, 1, DIRECTIVE_WORKS, option_run, "BYTES", "how long a request body may be" },
    { "SecRequestBodyLimitAction", 1, 1, DIRECTIVE_WORKS, option_run, "Reject|ProcessPartial", "what happens to a longer one" },
    { "SecRequestBodyNoFilesLimit", 1, 1, DIRECTIVE_WORKS, option_run, "BYTES", "how long a request body may be without the files in it" },
    { "SecResponseBodyAccess", 1, 1, DIRECTIVE_WORKS, option_run, "On|Off", "whether response bodies are looked into" },
    { "SecResponseBodyLimit", 1, 1, DIRECTIVE_WORKS, option_run, "BYTES", "how much of a response body is looked into" },
    { "SecResponseBodyLimitAction", 1, 1, DIRECTIVE_WORKS, option_run, "Reject|ProcessPartial", "what happens to a longer one" },
    { "SecResponseBodyMimeType", 1, ANY, DIRECTIVE_WORKS, option_response_types, "TYPE…", "more types of responses that are looked into" },
    { "SecResponseBodyMimeTypesClear", 0, 0, DIRECTIVE_WORKS, option_response_types_clear, "", "forgets the types named before" },
    { "SecRule", 2, 3, DIRECTIVE_WORKS, directive_rule, "TARGETS \"OPERATOR\" \"ACTIONS\"", "a rule: what is done where a value of the targets matches" },
    { "SecRuleEngine", 1, 1, DIRECTIVE_WORKS, option_run, "On|Off|DetectionOnly", "whether rules run, and whether they refuse" },
    { "SecRuleInheritance", 1, 1, DIRECTIVE_REFUSED, NULL, "On|Off", "sites name the rules that they use" },
    { "SecRulePerfTime", 1, 1, DIRECTIVE_ACCEPTED, NULL, "MICROSECONDS", "what rules cost is in the metrics" },
    { "SecRuleRemoveById", 1, ANY, DIRECTIVE_WORKS, directive_remove_by_id, "ID|ID-ID…", "removes rules that stand before" },
    { "SecRuleRemoveByMsg", 1, ANY, DIRECTIVE_WORKS, directive_remove_by_msg, "REGEX…", "removes rules whose msg matches" },
    { "SecRuleRemoveByTag", 1, ANY, DIRECTIVE_WORKS, directive_remove_by_tag, "REGEX…", "removes rules with a tag that matches" },
    { "SecRuleScript", 1, ANY, DIRECTIVE_REFUSED, NULL, "FILE", "there is no Lua" },
    { "SecRuleUpdateActionById", 2, 2, DIRECTIVE_WORKS, directive_update_action_by_id, "ID[:LINK] \"ACTIONS\"", "changes or adds actions" },
    { "SecRuleUpdateTargetById", 2, 3, DIRECTIVE_WORKS, directive_update_target_by_id, "ID|ID-ID TARGETS [REPLACED]", "adds targets, or !TARGET to leave one out" },
    { "SecRuleUpdateTargetByMsg", 2, 3, DIRECTIVE_WORKS, directive_update_target_by_msg, "REGEX TARGETS [REPLACED]", "the same by msg" },
    { "SecRuleUpdateTargetByTag", 2, 3, DIRECTIVE_WORKS, directive_update_target_by_tag, "REGEX TARGETS [REPLACED]", "the same by tag" },
    { "SecSensorId", 1, 1, DIRECTIVE_ACCEPTED, NULL, "TEXT", "records name the host they come from" },
    { "SecServerSignature", 1, 1, DIRECTIVE_ACCEPTED, NULL, "TEXT", "fields of responses are set in the configuration of the proxy" },
    { "SecStatusEngine", 1, 1, DIRECTIVE_ACCEPTED, option_check_switch, "On|Off", "nothing is reported to anybody" },
    { "SecStreamInBodyInspection", 1, 1, DIRECTIVE_WORKS, option_check_off, "Off", "bodies are not rewritten" },
    { "SecStreamOutBodyInspection", 1, 1, DIRECTIVE_WORKS, option_check_off, "Off", "bodies are not rewritten" },
    { "SecTmpDir", 1, 1, DIRECTIVE_ACCEPTED, NULL, "FOLDER", NO_FILES },
    { "SecTmpSaveUploadedFiles", 1, 1, DIRECTIVE_WORKS, option_check_off, "Off", NO_FILES },
    { "SecUnicodeMapFile", 1, 2, DIRECTIVE_WORKS, option_unicode_map, "FILE [CODE_PAGE]", "how characters beyond the code page are folded" },
    { "SecUploadDir", 1, 1, DIRECTIVE_ACCEPTED, NULL, "FOLDER", NO_FILES },
    { "SecUploadFileLimit", 1, 1, DIRECTIVE_WORKS, option_run, "NUMBER", "how many files one request may upload" },
    { "SecUploadFileMode", 1, 1, DIRECTIVE_ACCEPTED, NULL, "MODE", NO_FILES },
    { "SecUploadKeepFiles", 1, 1, DIRECTIVE_WORKS, option_check_off, "Off", NO_FILES },
    { "SecWebAppId", 1, 1, DIRECTIVE_WORKS, option_run, "NAME", "the application that the rules are of: WEBAPPID, and whose persistent collections they use" },
    { "SecWriteStateLimit", 1, 2, DIRECTIVE_ACCEPTED, NULL, "NUMBER", "connections are judged by the proxy" },
    { "SecXmlExternalEntity", 1, 1, DIRECTIVE_WORKS, option_check_off, "Off", "entities of XML are refused" },
};
/* clang-format on */

const unsigned waf_directive_row_count = ARRAY_LENGTH(waf_directive_rows);

static int unknown(struct seclang *l, slice name)
{
    if (slice_find(name, SLICE("IfModule")) < name.len ||
        slice_find(name, SLICE("IfDefine")) < name.len)
        return load_error(
            l, name.ptr, "%.*s is Apache's: what it encloses is read without it; take the line out",
            SLICE_ARGUMENTS(name));
    if (name.len && name.ptr[0] == '<')
        return load_error(l, name.ptr,
                          "%.*s is Apache's: rules for a part of the requests belong "
                          "in a site or route of the proxy's configuration",
                          SLICE_ARGUMENTS(name));
    if (slice_starts_with(name, SLICE("modsecurity")))
        return load_error(
            l, name.ptr,
            "%.*s is nginx's: this file should hold rules; 'waf { rules FILE }' of the "
            "proxy's configuration names it",
            SLICE_ARGUMENTS(name));
    struct nearest near = nearest_to(name);
    for (unsigned i = 0; i < waf_directive_row_count; i++)
        nearest_try(&near, waf_directive_rows[i].name);
    return load_error(l, name.ptr, "unknown directive \"%.*s\"%s%s%s", SLICE_ARGUMENTS(name),
                      near.name ? "; did you mean " : "", near.name ? near.name : "",
                      near.name ? "?" : "");
}

/* SecRule ARGS @rx foo "id:1": an operator that nobody has quoted. */
static bool has_bare_operator(const struct seclang *l)
{
    const slice *words = l->line->words.items;
    for (unsigned i = 1; i + 1 < l->line->words.count; i++)
        if (words[i].len && (words[i].ptr[0] == '@' || slice_starts_with(words[i], SLICE("!@"))) &&
            slice_find_byte(words[i], ' ') == words[i].len)
            return true;
    return false;
}

static int wrong_count(struct seclang *l, const struct directive_row *row, unsigned count)
{
    bool is_bare = count > row->words_max && has_bare_operator(l);
    return load_error(l, NULL, "%u argument%s of %s: %s%s%s was expected%s", count,
                      count == 1 ? "" : "s", row->name, row->name, row->arguments[0] ? " " : "",
                      row->arguments,
                      is_bare ? "; an operator and its argument stand in quotes together" : "");
}

const struct directive_row *directive_find(slice name)
{
    for (unsigned i = 0; i < waf_directive_row_count; i++)
        if (slice_equal_fold(name, slice_from(waf_directive_rows[i].name)))
            return &waf_directive_rows[i];
    return NULL;
}

int directive_run(struct seclang *l)
{
    const slice *words = l->line->words.items;
    unsigned count = l->line->words.count - 1;
    const struct directive_row *row = directive_find(words[0]);
    if (!row)
        return unknown(l, words[0]);
    if (row->effect == DIRECTIVE_REFUSED)
        return load_error(l, NULL, "%s does not exist here: %s", row->name, row->meaning);
    if (count < row->words_min || (row->words_max != ANY && count > row->words_max))
        return wrong_count(l, row, count);
    return row->run ? row->run(l, words + 1, count) : 0;
}

int directive_number(struct seclang *l, slice word, const char *what, uint64_t max,
                     uint64_t *ret_number)
{
    if (!number_parse(word, max, ret_number))
        return 0;
    return load_error(l, word.ptr, "%s %.*s: a number from 0 to %llu was expected", what,
                      SLICE_ARGUMENTS(word), (unsigned long long)max);
}

int directive_choice(struct seclang *l, slice word, const char *what, const char *const words[4],
                     unsigned *ret_index)
{
    unsigned count = 0;
    for (; words[count]; count++)
        if (slice_equal_fold(word, slice_from(words[count]))) {
            *ret_index = count;
            return 0;
        }
    return load_error(l, word.ptr, "%s %.*s: %s%s%s or %s was expected", what,
                      SLICE_ARGUMENTS(word), words[0], count > 2 ? ", " : "",
                      count > 2 ? words[1] : "", words[count - 1]);
}
