/* For tests: a small set of rules in which every directive, action, operator, transformation and
 * option of `ctl` that works stands at least once. */
#pragma once

#include <errno.h>
#include <stdlib.h>

#include "waf/operators/operator.h"
#include "waf/seclang/action.h"
#include "waf/seclang/directive.h"
#include "waf/seclang/memory_world.h"
#include "waf/transforms/transform.h"

static const struct memory_file complete_files[] = {
    { "words", "evil\nbad words\n" },
    { "map", "20127 (US-ASCII)\nff1c:3c\n" },
    { "networks", "192.0.2.0/24\n2001:db8::/32\n" },
    { "more.conf", "SecMarker MORE\n" },
    { NULL, NULL },
};

/* A database in which every address is in one place. */
static inline int complete_find(UNUSED struct geo_database *database, UNUSED slice address,
                                struct arena *arena, struct geo_place *ret)
{
    if (!ret)
        return 1;
    *ret = (struct geo_place){ .members = { [GEO_COUNTRY_CODE] = SLICE("DE"),
                                            [GEO_CITY] = arena_copy(arena, SLICE("Munich")) } };
    return ret->members[GEO_CITY].ptr ? 1 : -ENOMEM;
}

static inline void complete_close(struct geo_database *database)
{
    free(database);
}

static inline int complete_open(UNUSED void *context, slice path, UNUSED slice beside,
                                struct geo_database **ret, const char **ret_why)
{
    *ret_why = "none";
    if (!slice_equal(path, SLICE("places")))
        return -EINVAL;
    *ret = malloc(sizeof **ret);
    if (!*ret)
        return -ENOMEM;
    **ret = (struct geo_database){ .find = complete_find, .close = complete_close };
    return 0;
}

static inline struct seclang_world complete_world(void)
{
    struct seclang_world world = memory_world(complete_files);
    world.geo_open = complete_open;
    return world;
}

/* clang-format off */
static const char complete_rules[] =
    "Include more.conf\nIncludeOptional none*.conf\nSecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess On\n"
    "SecRequestBodyLimit 1000000\nSecRequestBodyNoFilesLimit 900000\nSecRequestBodyLimitAction Reject\nSecRequestBodyJsonDepthLimit 64\n"
    "SecResponseBodyLimit 500000\nSecResponseBodyLimitAction ProcessPartial\nSecResponseBodyMimeTypesClear\n"
    "SecResponseBodyMimeType text/plain text/html\nSecArgumentsLimit 200\nSecArgumentSeparator &\nSecCookieFormat 0\nSecUploadFileLimit 9\n"
    "SecUnicodeMapFile map 20127\nSecGeoLookupDb places\nSecHttpBlKey abcdefghijkl\nSecAuditEngine RelevantOnly\nSecAuditLogParts ABIJDEFHZ\nSecAuditLogRelevantStatus \"^5\"\n"
    "SecCollectionTimeout 600\nSecWebAppId shop\nSecComponentSignature complete/1\nSecContentInjection Off\nSecHashEngine Off\n"
    "SecStreamInBodyInspection Off\nSecStreamOutBodyInspection Off\nSecTmpSaveUploadedFiles Off\nSecUploadKeepFiles Off\n"
    "SecXmlExternalEntity Off\nSecDefaultAction \"phase:2,log,auditlog,deny,status:403,t:lowercase\"\n"
    /* what is kept, and how bodies are read */
    "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{remote_addr},initcol:global=all,setsid:%{request_cookies.sid},setuid:me,setrsc:%{request_filename},"
    "setvar:ip.seen=+1,setvar:global.last=%{request_method},setvar:session.a=1,setvar:!session.b,expirevar:ip.seen=60,deprecatevar:ip.weight=5/300,setenv:mark=%{unique_id},"
    "setvar:tx.weight=5,setvar:tx.word=zebra\"\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@beginsWith application/json\" \"id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@contains xml\" \"id:3,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@streq text/plain\" \"id:4,phase:1,pass,nolog,ctl:requestBodyProcessor=TEXT,ctl:forceRequestBodyVariable=On\"\n"
    "SecRule REQUEST_HEADERS:X-Options \"@strmatch all\" \"id:5,phase:1,pass,log,noauditlog,ctl:auditEngine=On,ctl:auditLogParts=+E,ctl:debugLogLevel=3,"
    "ctl:requestBodyAccess=On,ctl:requestBodyLimit=900000,ctl:responseBodyAccess=On,ctl:responseBodyLimit=400000,ctl:ruleEngine=On,"
    "ctl:ruleRemoveById=90,ctl:ruleRemoveByTag=none,ctl:ruleRemoveByMsg=none,ctl:ruleRemoveTargetById=20-29;ARGS:free,"
    "ctl:ruleRemoveTargetByTag=attack-sqli;ARGS:liberal,ctl:ruleRemoveTargetByMsg=odd;ARGS:/^x_/\"\n"
    "SecRule REMOTE_ADDR \"@ipMatch 198.51.100.0/24,2001:db8:1::/48\" \"id:6,phase:1,drop\"\n"
    "SecRule REMOTE_ADDR \"!@ipMatchFromFile networks\" \"id:7,phase:1,allow:phase,skip:1\"\n"
    "SecRule REQUEST_HEADERS:X-From \"@rbl list.example\" \"id:11,phase:1,pass,capture,log,msg:'%{tx.0}'\"\n"
    "SecRule REQUEST_HEADERS:X-From \"@geoLookup\" \"id:10,phase:1,pass,log,msg:'from %{geo.city}',chain\"\n  SecRule GEO:/^COUNTRY/ \"@rx .\"\n"
    "SecRule REQUEST_METHOD \"@within PUT DELETE\" \"id:8,phase:1,redirect:https://elsewhere.test/%{request_uri},chain,skipAfter:LATER\"\n"
    "  SecRule REQUEST_FILENAME \"@endsWith .old\" \"t:normalizePath\"\n"
    "SecMarker LATER\n"
    "SecRule ARGS:password \"@unconditionalMatch\" \"id:9,phase:1,pass,nolog,sanitiseArg:password,sanitizeArg:password,sanitiseMatched,sanitizeMatched,"
    "sanitiseMatchedBytes,sanitizeMatchedBytes,sanitiseRequestHeader:Cookie,sanitizeRequestHeader:Cookie,sanitiseResponseHeader:Set-Cookie,"
    "sanitizeResponseHeader:Set-Cookie,xmlns:a=b\"\n"
    /* values */
    "SecRule ARGS|ARGS_NAMES|REQUEST_COOKIES|XML:/*|XML://@*|REQUEST_BODY|!ARGS:/^_/ \"@rx (?i)att(?:a)ck([a-z0-9]{0,9})\" "
    "\"id:20,phase:2,block,capture,t:none,t:urlDecodeUni,t:htmlEntityDecode,t:jsDecode,t:cssDecode,t:removeNulls,t:compressWhitespace,t:lowercase,"
    "msg:'an attack in %{MATCHED_VAR_NAME}',logdata:'%{tx.0} of %{MATCHED_VAR}',tag:'attack-sqli',tag:'x/%{tx.weight}',severity:CRITICAL,"
    "rev:2,ver:1,maturity:9,accuracy:8,setvar:'tx.score=+%{tx.weight}',setvar:'tx.last_%{tx.1}=%{MATCHED_VAR}'\"\n"
    "SecRule ARGS \"@rx (?<!x)y{2,5}(a)\\1\" \"id:21,phase:2,pass,capture,chain,multiMatch,t:base64DecodeExt,t:replaceComments,msg:'odd'\"\n"
    "  SecRule MATCHED_VARS|TX:/^last_/ \"@rx .\" \"t:none,t:length,t:sha1,t:hexEncode,t:md5,t:hexEncode\"\n"
    "SecRule ARGS|FILES \"@pm evil1 bad2 worse3\" \"id:22,phase:2,pass,t:cmdLine,t:normalizePathWin,t:trim\"\n"
    "SecRule ARGS \"@pmFromFile words\" \"id:23,phase:2,pass,t:sqlHexDecode,t:hexDecode,t:escapeSeqDecode,t:utf8toUnicode,t:uppercase\"\n"
    "SecRule ARGS \"@detectSQLi\" \"id:24,phase:2,pass,t:base64Decode,t:removeComments,t:removeCommentsChar,t:removeWhitespace\"\n"
    "SecRule ARGS|REQUEST_FILENAME \"@detectXSS\" \"id:25,phase:2,pass,t:trimLeft,t:trimRight,t:replaceNulls,t:urlDecode\"\n"
    "SecRule ARGS \"@validateByteRange 1-255\" \"id:26,phase:2,pass,t:parityEven7bit,t:parityOdd7bit,t:parityZero7bit,t:urlEncode,t:base64Encode\"\n"
    "SecRule REQUEST_URI \"@validateUrlEncoding\" \"id:27,phase:2,pass\"\n"
    "SecRule ARGS \"@validateUtf8Encoding\" \"id:28,phase:2,pass\"\n"
    "SecRule ARGS \"@containsWord %{tx.word}\" \"id:29,phase:2,pass\"\n"
    "SecRule FILES \"@noMatch\" \"id:30,phase:2,pass\"\n"
    "SecRule FILES_COMBINED_SIZE \"@gt 100000\" \"id:31,phase:2,deny\"\n"
    "SecRule &ARGS \"@le 0\" \"id:32,phase:2,pass,nolog\"\n"
    "SecRule DURATION \"@lt 0\" \"id:33,phase:2,deny\"\n"
    "SecRule IP:SEEN \"@eq 3\" \"id:34,phase:2,deny,status:429,msg:'seen %{ip.seen}, last %{global.last}'\"\n"
    "SecRule REQBODY_ERROR|MULTIPART_STRICT_ERROR \"!@eq 0\" \"id:35,phase:2,deny,status:400,logdata:'%{REQBODY_ERROR_MSG}'\"\n"
    "SecRule TX:SCORE \"@ge 5\" \"id:36,phase:2,deny,msg:'score %{tx.score}'\"\n"
    "SecRule RESPONSE_HEADERS:X-Leak \"@rx .\" \"id:40,phase:3,deny,status:502\"\n"
    "SecRule RESPONSE_BODY \"@contains ORA-00933\" \"id:41,phase:4,deny,status:500,msg:'a leak'\"\n"
    "SecRule RESPONSE_STATUS \"@rx ^2\" \"id:42,phase:5,pass,nolog,setvar:ip.fine=+1\"\n"
    "SecAction \"id:90,phase:2,deny,msg:'gone'\"\nSecAction \"id:91,phase:2,deny,tag:gone,msg:'gone too'\"\nSecAction \"id:92,phase:2,deny,msg:'none'\"\n"
    "SecRuleRemoveById 90\nSecRuleRemoveByTag ^gone$\nSecRuleRemoveByMsg ^none$\nSecRuleUpdateActionById 22 \"pass,t:none,msg:'words'\"\n"
    "SecRuleUpdateTargetById 23 !ARGS:/^_ga/\nSecRuleUpdateTargetByTag attack-sqli !ARGS:safe\nSecRuleUpdateTargetByMsg words !ARGS:free\n";
/* clang-format on */

static inline bool complete_has(const char *before, const char *word)
{
    char text[64];
    snprintf(text, sizeof text, "%s%s", before, word);
    return strstr(complete_rules, text) != NULL;
}
