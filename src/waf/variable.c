#include "waf/variable.h"

#include <errno.h>

#include "waf/nearest.h"

/* clang-format off */
const struct variable waf_variables[VARIABLE_COUNT] = {
    [VARIABLE_ARGS] = { "ARGS", VARIABLE_COLLECTION, 1, "every argument: of the query, from phase 2 on of the body too" },
    [VARIABLE_ARGS_COMBINED_SIZE] = { "ARGS_COMBINED_SIZE", VARIABLE_SCALAR, 1, "bytes of all names and values of arguments" },
    [VARIABLE_ARGS_GET] = { "ARGS_GET", VARIABLE_COLLECTION, 1, "arguments of the query" },
    [VARIABLE_ARGS_GET_NAMES] = { "ARGS_GET_NAMES", VARIABLE_COLLECTION, 1, "names of the arguments of the query" },
    [VARIABLE_ARGS_NAMES] = { "ARGS_NAMES", VARIABLE_COLLECTION, 1, "names of all arguments" },
    [VARIABLE_ARGS_POST] = { "ARGS_POST", VARIABLE_COLLECTION, 2, "arguments of the body" },
    [VARIABLE_ARGS_POST_NAMES] = { "ARGS_POST_NAMES", VARIABLE_COLLECTION, 2, "names of the arguments of the body" },
    [VARIABLE_AUTH_TYPE] = { "AUTH_TYPE", VARIABLE_SCALAR, 1, "scheme of the Authorization field" },
    [VARIABLE_DURATION] = { "DURATION", VARIABLE_SCALAR, 1, "milliseconds since the request began" },
    [VARIABLE_ENV] = { "ENV", VARIABLE_COLLECTION, 1, "variables set with setenv" },
    [VARIABLE_FILES] = { "FILES", VARIABLE_COLLECTION, 2, "file names as the client sent them, by field" },
    [VARIABLE_FILES_COMBINED_SIZE] = { "FILES_COMBINED_SIZE", VARIABLE_SCALAR, 2, "bytes of all uploaded files" },
    [VARIABLE_FILES_NAMES] = { "FILES_NAMES", VARIABLE_COLLECTION, 2, "fields that carried files" },
    [VARIABLE_FILES_SIZES] = { "FILES_SIZES", VARIABLE_COLLECTION, 2, "bytes of each file, by field" },
    [VARIABLE_FULL_REQUEST_LENGTH] = { "FULL_REQUEST_LENGTH", VARIABLE_SCALAR, 2, "bytes of the request line, the fields and the body" },
    [VARIABLE_GEO] = { "GEO", VARIABLE_COLLECTION, 1, "what @geoLookup found" },
    [VARIABLE_GLOBAL] = { "GLOBAL", VARIABLE_COLLECTION, 1, "the collection initcol:global made" },
    [VARIABLE_HIGHEST_SEVERITY] = { "HIGHEST_SEVERITY", VARIABLE_SCALAR, 1, "the gravest severity that matched so far, 255 for none" },
    [VARIABLE_INBOUND_DATA_ERROR] = { "INBOUND_DATA_ERROR", VARIABLE_SCALAR, 2, "1 when the body was longer than what is inspected" },
    [VARIABLE_IP] = { "IP", VARIABLE_COLLECTION, 1, "the collection initcol:ip made" },
    [VARIABLE_MATCHED_VAR] = { "MATCHED_VAR", VARIABLE_SCALAR, 1, "the value that matched last" },
    [VARIABLE_MATCHED_VARS] = { "MATCHED_VARS", VARIABLE_COLLECTION, 1, "the values that the previous link of the chain matched" },
    [VARIABLE_MATCHED_VARS_NAMES] = { "MATCHED_VARS_NAMES", VARIABLE_COLLECTION, 1, "the names of these" },
    [VARIABLE_MATCHED_VAR_NAME] = { "MATCHED_VAR_NAME", VARIABLE_SCALAR, 1, "the name of the value that matched last" },
    [VARIABLE_MULTIPART_BOUNDARY_QUOTED] = { "MULTIPART_BOUNDARY_QUOTED", VARIABLE_SCALAR, 2, "1 when the boundary was quoted" },
    [VARIABLE_MULTIPART_BOUNDARY_WHITESPACE] = { "MULTIPART_BOUNDARY_WHITESPACE", VARIABLE_SCALAR, 2, "1 when there was white space in the boundary" },
    [VARIABLE_MULTIPART_CRLF_LF_LINES] = { "MULTIPART_CRLF_LF_LINES", VARIABLE_SCALAR, 2, "1 when line ends were mixed" },
    [VARIABLE_MULTIPART_DATA_AFTER] = { "MULTIPART_DATA_AFTER", VARIABLE_SCALAR, 2, "1 when data followed the last boundary" },
    [VARIABLE_MULTIPART_DATA_BEFORE] = { "MULTIPART_DATA_BEFORE", VARIABLE_SCALAR, 2, "1 when data preceded the first boundary" },
    [VARIABLE_MULTIPART_FILENAME] = { "MULTIPART_FILENAME", VARIABLE_SCALAR, 2, "file name of the last part" },
    [VARIABLE_MULTIPART_FILE_LIMIT_EXCEEDED] = { "MULTIPART_FILE_LIMIT_EXCEEDED", VARIABLE_SCALAR, 2, "1 when there were too many files" },
    [VARIABLE_MULTIPART_HEADER_FOLDING] = { "MULTIPART_HEADER_FOLDING", VARIABLE_SCALAR, 2, "1 when a field of a part was folded" },
    [VARIABLE_MULTIPART_INVALID_HEADER_FOLDING] = { "MULTIPART_INVALID_HEADER_FOLDING", VARIABLE_SCALAR, 2, "1 when a field of a part was folded wrongly" },
    [VARIABLE_MULTIPART_INVALID_PART] = { "MULTIPART_INVALID_PART", VARIABLE_SCALAR, 2, "1 when a part was malformed" },
    [VARIABLE_MULTIPART_INVALID_QUOTING] = { "MULTIPART_INVALID_QUOTING", VARIABLE_SCALAR, 2, "1 when quoting in a part was invalid" },
    [VARIABLE_MULTIPART_LF_LINE] = { "MULTIPART_LF_LINE", VARIABLE_SCALAR, 2, "1 when a line ended with LF alone" },
    [VARIABLE_MULTIPART_MISSING_SEMICOLON] = { "MULTIPART_MISSING_SEMICOLON", VARIABLE_SCALAR, 2, "1 when a semicolon was missing before the boundary" },
    [VARIABLE_MULTIPART_NAME] = { "MULTIPART_NAME", VARIABLE_SCALAR, 2, "field name of the last part" },
    [VARIABLE_MULTIPART_PART_HEADERS] = { "MULTIPART_PART_HEADERS", VARIABLE_COLLECTION, 2, "every header line of the parts, by field" },
    [VARIABLE_MULTIPART_STRICT_ERROR] = { "MULTIPART_STRICT_ERROR", VARIABLE_SCALAR, 2, "1 when any of the strict checks of multipart failed" },
    [VARIABLE_MULTIPART_UNMATCHED_BOUNDARY] = { "MULTIPART_UNMATCHED_BOUNDARY", VARIABLE_SCALAR, 2, "1 when something looked like a boundary and was none" },
    [VARIABLE_OUTBOUND_DATA_ERROR] = { "OUTBOUND_DATA_ERROR", VARIABLE_SCALAR, 4, "1 when the response was longer than what is inspected" },
    [VARIABLE_PATH_INFO] = { "PATH_INFO", VARIABLE_SCALAR, 1, "the path of the target" },
    [VARIABLE_QUERY_STRING] = { "QUERY_STRING", VARIABLE_SCALAR, 1, "the query as sent, without its question mark" },
    [VARIABLE_REMOTE_ADDR] = { "REMOTE_ADDR", VARIABLE_SCALAR, 1, "address of the client" },
    [VARIABLE_REMOTE_HOST] = { "REMOTE_HOST", VARIABLE_SCALAR, 1, "the same: names are not looked up" },
    [VARIABLE_REMOTE_PORT] = { "REMOTE_PORT", VARIABLE_SCALAR, 1, "port of the client" },
    [VARIABLE_REMOTE_USER] = { "REMOTE_USER", VARIABLE_SCALAR, 1, "user of the Authorization field (Basic)" },
    [VARIABLE_REQBODY_ERROR] = { "REQBODY_ERROR", VARIABLE_SCALAR, 2, "1 when the body could not be read as what it says it is" },
    [VARIABLE_REQBODY_ERROR_MSG] = { "REQBODY_ERROR_MSG", VARIABLE_SCALAR, 2, "what was wrong with the body" },
    [VARIABLE_REQBODY_PROCESSOR] = { "REQBODY_PROCESSOR", VARIABLE_SCALAR, 1, "URLENCODED, MULTIPART, JSON, XML or empty" },
    [VARIABLE_REQBODY_PROCESSOR_ERROR] = { "REQBODY_PROCESSOR_ERROR", VARIABLE_SCALAR, 2, "the same as REQBODY_ERROR" },
    [VARIABLE_REQBODY_PROCESSOR_ERROR_MSG] = { "REQBODY_PROCESSOR_ERROR_MSG", VARIABLE_SCALAR, 2, "the same as REQBODY_ERROR_MSG" },
    [VARIABLE_REQUEST_BASENAME] = { "REQUEST_BASENAME", VARIABLE_SCALAR, 1, "what stands behind the last slash of the path" },
    [VARIABLE_REQUEST_BODY] = { "REQUEST_BODY", VARIABLE_SCALAR, 2, "the body, where it is kept as a whole" },
    [VARIABLE_REQUEST_BODY_LENGTH] = { "REQUEST_BODY_LENGTH", VARIABLE_SCALAR, 2, "bytes of the body" },
    [VARIABLE_REQUEST_COOKIES] = { "REQUEST_COOKIES", VARIABLE_COLLECTION, 1, "cookies, values as sent" },
    [VARIABLE_REQUEST_COOKIES_NAMES] = { "REQUEST_COOKIES_NAMES", VARIABLE_COLLECTION, 1, "names of the cookies" },
    [VARIABLE_REQUEST_FILENAME] = { "REQUEST_FILENAME", VARIABLE_SCALAR, 1, "the path as sent" },
    [VARIABLE_REQUEST_HEADERS] = { "REQUEST_HEADERS", VARIABLE_COLLECTION, 1, "fields of the request" },
    [VARIABLE_REQUEST_HEADERS_NAMES] = { "REQUEST_HEADERS_NAMES", VARIABLE_COLLECTION, 1, "names of these" },
    [VARIABLE_REQUEST_LINE] = { "REQUEST_LINE", VARIABLE_SCALAR, 1, "the request line as sent" },
    [VARIABLE_REQUEST_METHOD] = { "REQUEST_METHOD", VARIABLE_SCALAR, 1, "the method" },
    [VARIABLE_REQUEST_PROTOCOL] = { "REQUEST_PROTOCOL", VARIABLE_SCALAR, 1, "HTTP/1.1, HTTP/2.0 …" },
    [VARIABLE_REQUEST_URI] = { "REQUEST_URI", VARIABLE_SCALAR, 1, "path and query as sent" },
    [VARIABLE_REQUEST_URI_RAW] = { "REQUEST_URI_RAW", VARIABLE_SCALAR, 1, "the target as sent, with scheme and host if it had them" },
    [VARIABLE_RESOURCE] = { "RESOURCE", VARIABLE_COLLECTION, 1, "the collection initcol:resource made" },
    [VARIABLE_RESPONSE_BODY] = { "RESPONSE_BODY", VARIABLE_SCALAR, 4, "the body of the response" },
    [VARIABLE_RESPONSE_CONTENT_LENGTH] = { "RESPONSE_CONTENT_LENGTH", VARIABLE_SCALAR, 3, "bytes of the body of the response" },
    [VARIABLE_RESPONSE_CONTENT_TYPE] = { "RESPONSE_CONTENT_TYPE", VARIABLE_SCALAR, 3, "media type of the response" },
    [VARIABLE_RESPONSE_HEADERS] = { "RESPONSE_HEADERS", VARIABLE_COLLECTION, 3, "fields of the response" },
    [VARIABLE_RESPONSE_HEADERS_NAMES] = { "RESPONSE_HEADERS_NAMES", VARIABLE_COLLECTION, 3, "names of these" },
    [VARIABLE_RESPONSE_PROTOCOL] = { "RESPONSE_PROTOCOL", VARIABLE_SCALAR, 3, "protocol of the response" },
    [VARIABLE_RESPONSE_STATUS] = { "RESPONSE_STATUS", VARIABLE_SCALAR, 3, "status code of the response" },
    [VARIABLE_RULE] = { "RULE", VARIABLE_COLLECTION, 1, "id, msg, severity, rev, logdata of the rule itself" },
    [VARIABLE_SERVER_ADDR] = { "SERVER_ADDR", VARIABLE_SCALAR, 1, "address the client connected to" },
    [VARIABLE_SERVER_NAME] = { "SERVER_NAME", VARIABLE_SCALAR, 1, "host that was asked for" },
    [VARIABLE_SERVER_PORT] = { "SERVER_PORT", VARIABLE_SCALAR, 1, "port the client connected to" },
    [VARIABLE_SESSION] = { "SESSION", VARIABLE_COLLECTION, 1, "the collection setsid made" },
    [VARIABLE_SESSIONID] = { "SESSIONID", VARIABLE_SCALAR, 1, "what setsid was given" },
    [VARIABLE_STATUS_LINE] = { "STATUS_LINE", VARIABLE_SCALAR, 3, "status line of the response" },
    [VARIABLE_TIME] = { "TIME", VARIABLE_SCALAR, 1, "local time, hh:mm:ss" },
    [VARIABLE_TIME_DAY] = { "TIME_DAY", VARIABLE_SCALAR, 1, "day of the month" },
    [VARIABLE_TIME_EPOCH] = { "TIME_EPOCH", VARIABLE_SCALAR, 1, "seconds since 1970" },
    [VARIABLE_TIME_HOUR] = { "TIME_HOUR", VARIABLE_SCALAR, 1, "hour" },
    [VARIABLE_TIME_MIN] = { "TIME_MIN", VARIABLE_SCALAR, 1, "minute" },
    [VARIABLE_TIME_MON] = { "TIME_MON", VARIABLE_SCALAR, 1, "month, 0 to 11" },
    [VARIABLE_TIME_SEC] = { "TIME_SEC", VARIABLE_SCALAR, 1, "second" },
    [VARIABLE_TIME_WDAY] = { "TIME_WDAY", VARIABLE_SCALAR, 1, "day of the week, 0 is Sunday" },
    [VARIABLE_TIME_YEAR] = { "TIME_YEAR", VARIABLE_SCALAR, 1, "year" },
    [VARIABLE_TX] = { "TX", VARIABLE_COLLECTION, 1, "variables of this transaction; 0 to 9 are the last captures" },
    [VARIABLE_UNIQUE_ID] = { "UNIQUE_ID", VARIABLE_SCALAR, 1, "identifier of the request" },
    [VARIABLE_URLENCODED_ERROR] = { "URLENCODED_ERROR", VARIABLE_SCALAR, 2, "1 when percent-encoding of a form or query was malformed" },
    [VARIABLE_USER] = { "USER", VARIABLE_COLLECTION, 1, "the collection setuid made" },
    [VARIABLE_USERID] = { "USERID", VARIABLE_SCALAR, 1, "what setuid was given" },
    [VARIABLE_WEBAPPID] = { "WEBAPPID", VARIABLE_SCALAR, 1, "what SecWebAppId says" },
    [VARIABLE_XML_DOCUMENT] = { "XML", VARIABLE_XML, 2, "the XML body: /* is all text, //text() its parts, //@* every attribute value" },
};
/* clang-format on */

MUST_CHECK int variable_find(slice name, enum variable_id *ret_id)
{
    for (unsigned i = 0; i < VARIABLE_COUNT; i++) {
        if (!slice_equal_fold(slice_from(waf_variables[i].name), name))
            continue;
        *ret_id = (enum variable_id)i;
        return 0;
    }
    return -ENOENT;
}

const char *variable_suggest(slice name)
{
    struct nearest nearest = nearest_to(name);
    for (unsigned i = 0; i < VARIABLE_COUNT; i++)
        nearest_try(&nearest, waf_variables[i].name);
    return nearest.name;
}

const struct variable_special_name waf_specials[SPECIAL_COUNT] = {
    [SPECIAL_CREATE_TIME] = { "CREATE_TIME", "when it began, in seconds since 1970" },
    [SPECIAL_IS_NEW] = { "IS_NEW",
                         "1 when nothing was kept under its key before this transaction" },
    [SPECIAL_KEY] = { "KEY", "what initcol said" },
    [SPECIAL_LAST_UPDATE_TIME] = { "LAST_UPDATE_TIME",
                                   "when it was changed, in seconds since 1970" },
    [SPECIAL_TIMEOUT] = { "TIMEOUT", "the seconds it is kept unused: SecCollectionTimeout" },
    [SPECIAL_UPDATE_COUNTER] = { "UPDATE_COUNTER", "transactions that have changed it" },
    [SPECIAL_UPDATE_RATE] = { "UPDATE_RATE", "of these, how many a minute since it began" },
};

enum variable_special variable_special_of(slice name)
{
    unsigned i = 0;
    while (i < SPECIAL_COUNT && !slice_equal_fold(name, slice_from(waf_specials[i].name)))
        i++;
    return (enum variable_special)i;
}
