/* Variables of one value at most, computed when somebody asks. */
#include <errno.h>
#include <time.h>

#include "base/writer.h"

#include "waf/engine/number_text.h"
#include "waf/engine/transaction.h"
#include "waf/transforms/run.h"

int scalar_number(struct waf_transaction *t, int64_t value, slice *ret_value)
{
    static const char digits[] = "0123456789";
    if (value >= 0 && value < 10) {
        *ret_value = slice_of(&digits[value], 1);
        return 0;
    }
    char *text = arena_take(t->arena, NUMBER_TEXT_MAX);
    if (!text)
        return -ENOMEM;
    *ret_value = slice_of(text, number_write(value, text));
    return 0;
}

/* The path of a target as received: without scheme and authority, without the query. */
static slice path_and_query(slice target)
{
    if (target.len == 0 || target.ptr[0] == '/')
        return target;
    size_t scheme = slice_find(target, SLICE("://"));
    if (scheme == target.len || slice_find_byte(target, '/') < scheme)
        return target;
    slice rest = slice_after(target, scheme + 3);
    size_t slash = slice_find_byte(rest, '/'), question = slice_find_byte(rest, '?');
    return slice_after(rest, slash < question ? slash : question);
}

static slice path_of(slice target)
{
    slice uri = path_and_query(target);
    return slice_first(uri, slice_find_byte(uri, '?'));
}

static slice basename_of(slice path)
{
    size_t from = path.len;
    while (from > 0 && path.ptr[from - 1] != '/' && path.ptr[from - 1] != '\\')
        from--;
    return slice_after(path, from);
}

static int request_read(struct waf_transaction *t, enum variable_id variable, slice *ret,
                        bool *present)
{
    const struct waf_request *r = &t->request;
    slice uri = path_and_query(r->target);
    switch (variable) {
    case VARIABLE_REQUEST_LINE:
        *ret = r->line;
        break;
    case VARIABLE_REQUEST_METHOD:
        *ret = r->method;
        break;
    case VARIABLE_REQUEST_PROTOCOL:
        *ret = r->protocol;
        break;
    case VARIABLE_REQUEST_URI:
        *ret = uri;
        break;
    case VARIABLE_REQUEST_URI_RAW:
        *ret = r->target;
        break;
    case VARIABLE_REQUEST_FILENAME:
    case VARIABLE_PATH_INFO:
        *ret = path_of(r->target);
        break;
    case VARIABLE_REQUEST_BASENAME:
        *ret = basename_of(path_of(r->target));
        break;
    case VARIABLE_QUERY_STRING:
        *present = slice_find_byte(uri, '?') < uri.len;
        *ret = slice_after(uri, slice_find_byte(uri, '?') + 1);
        break;
    case VARIABLE_REQUEST_BODY:
        *present = t->body.has_text;
        *ret = t->body.text;
        break;
    case VARIABLE_RESPONSE_BODY:
        *present = t->has_response_body_text;
        *ret = t->response_body;
        break;
    default: /* the caller's next table */
        return -ENOENT;
    }
    return 0;
}

static int connection_read(struct waf_transaction *t, enum variable_id variable, slice *ret,
                           bool *present)
{
    const struct waf_world *w = &t->world;
    switch (variable) {
    case VARIABLE_REMOTE_ADDR:
    case VARIABLE_REMOTE_HOST:
        *ret = w->client.text;
        return 0;
    case VARIABLE_REMOTE_PORT:
        return scalar_number(t, w->client.port, ret);
    case VARIABLE_SERVER_ADDR:
        *ret = w->server.text;
        return 0;
    case VARIABLE_SERVER_PORT:
        return scalar_number(t, w->server.port, ret);
    case VARIABLE_SERVER_NAME:
        *ret = t->request.host;
        return 0;
    case VARIABLE_UNIQUE_ID:
        *ret = w->unique_id;
        return 0;
    case VARIABLE_WEBAPPID:
        *ret = t->rules->directives.web_app_id;
        return 0;
    case VARIABLE_SESSIONID:
        *ret = t->keys[KEPT_SESSION];
        return 0;
    case VARIABLE_USERID:
        *ret = t->keys[KEPT_USER];
        return 0;
    case VARIABLE_AUTH_TYPE:
        *ret = slice_first(t->authorization, slice_find_byte(t->authorization, ' '));
        *present = ret->len > 0;
        return 0;
    default:
        return -ENOENT;
    }
}

/* RFC 7617: "Basic" and the base64 of user:password. */
static int user_read(struct waf_transaction *t, slice *ret, bool *present)
{
    slice a = t->authorization;
    size_t space = slice_find_byte(a, ' ');
    *present = false;
    if (!slice_equal_fold(slice_first(a, space), SLICE("Basic")))
        return 0;
    slice user = SLICE("");
    TRY(transform_apply(&transform_base64_decode, slice_trim(slice_after(a, space)), NULL, t->arena,
                        t->work, &user));
    *ret = slice_first(user, slice_find_byte(user, ':'));
    *present = true;
    return 0;
}

static int time_read(struct waf_transaction *t, enum variable_id variable, slice *ret)
{
    time_t seconds = (time_t)(t->world.now_ms / 1000);
    if (variable == VARIABLE_TIME_EPOCH)
        return scalar_number(t, seconds, ret);
    if (variable == VARIABLE_DURATION)
        return scalar_number(t, t->elapsed_ms, ret);
    struct tm local = { 0 };
    seconds += t->world.utc_offset_s;
    if (!gmtime_r(&seconds, &local))
        return -ENOENT;
    switch (variable) {
    case VARIABLE_TIME_DAY:
        return scalar_number(t, local.tm_mday, ret);
    case VARIABLE_TIME_HOUR:
        return scalar_number(t, local.tm_hour, ret);
    case VARIABLE_TIME_MIN:
        return scalar_number(t, local.tm_min, ret);
    case VARIABLE_TIME_MON:
        return scalar_number(t, local.tm_mon, ret);
    case VARIABLE_TIME_SEC:
        return scalar_number(t, local.tm_sec, ret);
    case VARIABLE_TIME_WDAY:
        return scalar_number(t, local.tm_wday, ret);
    case VARIABLE_TIME_YEAR:
        return scalar_number(t, local.tm_year + 1900, ret);
    case VARIABLE_TIME:
        break;
    default:
        return -ENOENT;
    }
    char *text = arena_take(t->arena, sizeof("hh:mm:ss"));
    if (!text)
        return -ENOMEM;
    size_t len = strftime(text, sizeof("hh:mm:ss"), "%H:%M:%S", &local);
    *ret = slice_of(text, len);
    return 0;
}

/* The flags of the body, one variable each. */
static const struct {
    enum variable_id variable;
    uint32_t flags;
} flag_variables[] = {
    { VARIABLE_REQBODY_ERROR, BODY_ERROR },
    { VARIABLE_REQBODY_PROCESSOR_ERROR, BODY_ERROR },
    { VARIABLE_URLENCODED_ERROR, BODY_URLENCODED_ERROR },
    { VARIABLE_MULTIPART_BOUNDARY_QUOTED, BODY_BOUNDARY_QUOTED },
    { VARIABLE_MULTIPART_BOUNDARY_WHITESPACE, BODY_BOUNDARY_WHITESPACE },
    { VARIABLE_MULTIPART_DATA_AFTER, BODY_DATA_AFTER },
    { VARIABLE_MULTIPART_DATA_BEFORE, BODY_DATA_BEFORE },
    { VARIABLE_MULTIPART_FILE_LIMIT_EXCEEDED, BODY_FILE_LIMIT_EXCEEDED },
    { VARIABLE_MULTIPART_HEADER_FOLDING, BODY_HEADER_FOLDING },
    { VARIABLE_MULTIPART_INVALID_HEADER_FOLDING, BODY_INVALID_HEADER_FOLDING },
    { VARIABLE_MULTIPART_INVALID_PART, BODY_INVALID_PART },
    { VARIABLE_MULTIPART_INVALID_QUOTING, BODY_INVALID_QUOTING },
    { VARIABLE_MULTIPART_LF_LINE, BODY_LF_LINE },
    { VARIABLE_MULTIPART_MISSING_SEMICOLON, BODY_MISSING_SEMICOLON },
    { VARIABLE_MULTIPART_UNMATCHED_BOUNDARY, BODY_UNMATCHED_BOUNDARY },
};

static int flag_read(struct waf_transaction *t, enum variable_id variable, slice *ret)
{
    uint32_t flags = t->body.reader.state.flags | t->head_flags;
    if (variable == VARIABLE_MULTIPART_STRICT_ERROR) {
        bool is_multipart = slice_equal(t->body.processor, SLICE("MULTIPART"));
        return scalar_number(t, is_multipart && (flags & BODY_STRICT_ERRORS), ret);
    }
    if (variable == VARIABLE_MULTIPART_CRLF_LF_LINES)
        return scalar_number(t, (flags & BODY_LF_LINE) && (flags & BODY_CRLF_LINE), ret);
    for (size_t i = 0; i < ARRAY_LENGTH(flag_variables); i++)
        if (flag_variables[i].variable == variable)
            return scalar_number(t, (flags & flag_variables[i].flags) != 0, ret);
    return -ENOENT;
}

static int body_variable_read(struct waf_transaction *t, enum variable_id variable, slice *ret,
                              bool *present)
{
    const struct body_state *state = &t->body.reader.state;
    switch (variable) {
    case VARIABLE_REQBODY_ERROR_MSG:
    case VARIABLE_REQBODY_PROCESSOR_ERROR_MSG:
        *ret = slice_from(state->message);
        return 0;
    case VARIABLE_REQBODY_PROCESSOR:
        *ret = t->body.processor;
        return 0;
    case VARIABLE_REQUEST_BODY_LENGTH:
        return scalar_number(t, (int64_t)t->body.length, ret);
    case VARIABLE_INBOUND_DATA_ERROR:
        return scalar_number(t, t->body.is_cut, ret);
    case VARIABLE_OUTBOUND_DATA_ERROR:
        return scalar_number(t, t->is_response_cut, ret);
    case VARIABLE_FILES_COMBINED_SIZE:
        return scalar_number(t, (int64_t)state->files_bytes, ret);
    case VARIABLE_ARGS_COMBINED_SIZE:
        return scalar_number(t, (int64_t)t->arguments_bytes, ret);
    case VARIABLE_FULL_REQUEST_LENGTH:
        return scalar_number(t,
                             (int64_t)((t->request.length ? t->request.length
                                                          : t->fields_bytes + t->request.line.len) +
                                       t->body.length),
                             ret);
    case VARIABLE_MULTIPART_NAME:
        *ret = state->part_name;
        *present = ret->len > 0;
        return 0;
    case VARIABLE_MULTIPART_FILENAME:
        *ret = state->part_filename;
        *present = ret->len > 0;
        return 0;
    default:
        return flag_read(t, variable, ret);
    }
}

static int response_read(struct waf_transaction *t, enum variable_id variable, slice *ret,
                         bool *present)
{
    const struct waf_response *r = &t->response;
    switch (variable) {
    case VARIABLE_RESPONSE_STATUS:
        *present = t->has_response;
        return scalar_number(t, r->status, ret);
    case VARIABLE_RESPONSE_PROTOCOL:
        *present = t->has_response;
        *ret = r->protocol;
        return 0;
    case VARIABLE_RESPONSE_CONTENT_TYPE:
        *present = t->response_type.len > 0;
        *ret = t->response_type;
        return 0;
    case VARIABLE_RESPONSE_CONTENT_LENGTH:
        *present = t->has_response;
        return scalar_number(t, (int64_t)t->response_bytes, ret);
    case VARIABLE_STATUS_LINE:
        break;
    default:
        return -ENOENT;
    }
    enum { STATUS_TEXT = 16 };
    size_t room = r->protocol.len + r->reason.len + STATUS_TEXT;
    *present = t->has_response;
    char *text = arena_take(t->arena, room), digits[NUMBER_TEXT_MAX];
    if (!text)
        return -ENOMEM;
    struct writer w = writer_over(text, room);
    writer_slice_add(&w, r->protocol);
    writer_byte(&w, ' ');
    writer_bytes(&w, digits, number_write(r->status % 1000, digits));
    writer_byte(&w, ' ');
    writer_slice_add(&w, r->reason);
    *ret = writer_slice(&w);
    return 0;
}

int scalar_read(struct waf_transaction *t, enum variable_id variable, slice *ret_value,
                bool *ret_present)
{
    int result;
    *ret_value = SLICE("");
    *ret_present = true;
    switch (variable) {
    case VARIABLE_MATCHED_VAR:
        *ret_value = t->matched_value;
        *ret_present = t->matched_name.target != NULL;
        return 0;
    case VARIABLE_MATCHED_VAR_NAME:
        *ret_present = t->matched_name.target != NULL;
        return value_name_text(t, &t->matched_name, ret_value);
    case VARIABLE_HIGHEST_SEVERITY:
        return scalar_number(t, t->highest_severity, ret_value);
    case VARIABLE_REMOTE_USER:
        return user_read(t, ret_value, ret_present);
    default:
        break;
    }
    if ((result = request_read(t, variable, ret_value, ret_present)) != -ENOENT ||
        (result = connection_read(t, variable, ret_value, ret_present)) != -ENOENT ||
        (result = body_variable_read(t, variable, ret_value, ret_present)) != -ENOENT ||
        (result = response_read(t, variable, ret_value, ret_present)) != -ENOENT ||
        (result = time_read(t, variable, ret_value)) != -ENOENT)
        return result;
    *ret_present = false;
    return 0;
}

int scalar_rule(struct waf_transaction *t, slice name, slice *ret_value, bool *ret_present)
{
    const struct rule *r = t->rule;
    *ret_value = SLICE("");
    *ret_present = r != NULL;
    if (!r)
        return 0;
    if (slice_equal(name, SLICE("id")))
        return scalar_number(t, r->id, ret_value);
    if (slice_equal(name, SLICE("severity")))
        return r->severity == SEVERITY_NONE ? 0 : scalar_number(t, r->severity, ret_value);
    if (slice_equal(name, SLICE("rev")))
        *ret_value = r->rev;
    else if (slice_equal(name, SLICE("msg")))
        *ret_value = r->msg.source; /* as written: it may name itself */
    else if (slice_equal(name, SLICE("logdata")))
        *ret_value = r->logdata.source;
    else
        *ret_present = false;
    return 0;
}
