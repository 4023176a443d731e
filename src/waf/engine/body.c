/* The body of a request: which reader it is for, what the reader finds, and what becomes of one
 * that is too long or malformed. Bodies that a processor reads are not in REQUEST_BODY (ModSecurity
 * 2). */
#include <errno.h>

#include "base/number.h"
#include "waf/bodies/body_type.h"
#include "waf/bodies/json.h"
#include "waf/bodies/lines.h"
#include "waf/bodies/multipart.h"
#include "waf/bodies/urlencoded.h"
#include "waf/bodies/xml.h"
#include "waf/engine/decoded.h"

static unsigned source_of_item(enum body_item kind)
{
    switch (kind) {
    case BODY_ARG:
        return VARIABLE_ARGS_POST;
    case BODY_FILE:
        return VARIABLE_FILES;
    case BODY_FILE_SIZE:
        return VARIABLE_FILES_SIZES;
    case BODY_PART_HEADER:
        return VARIABLE_MULTIPART_PART_HEADERS;
    case BODY_XML_TEXT:
        return SOURCE_XML_TEXT;
    case BODY_XML_PART:
        return SOURCE_XML_PARTS;
    case BODY_XML_ATTRIBUTE:
        return SOURCE_XML_VALUES;
    case BODY_ITEM_COUNT:
        break;
    }
    return SOURCE_XML_VALUES;
}

static int take_item(void *context, enum body_item kind, slice name, slice value)
{
    struct waf_transaction *t = context;
    if (kind == BODY_ARG)
        t->arguments_bytes += name.len + value.len;
    return decoded_add(t, source_of(t, source_of_item(kind)), name, value);
}

static int take_query(void *context, enum body_item kind, slice name, slice value)
{
    struct waf_transaction *t = context;
    t->arguments_bytes += name.len + value.len;
    return decoded_add(t, source_of(t, VARIABLE_ARGS_GET), name, value);
}

static char separator(const struct waf_transaction *t)
{
    return t->rules->directives.argument_separator ? t->rules->directives.argument_separator : '&';
}

/* Each costs as much as an argument. */
static uint32_t text_parts_max(const struct waf_transaction *t)
{
    uint32_t max = t->rules->directives.arguments_max;
    if (!t->plan->reads_xml_parts)
        return 0;
    return max ? max : UINT32_MAX;
}

static struct body_limits limits_of(const struct waf_transaction *t)
{
    const struct waf_directives *d = &t->rules->directives;
    uint64_t fields = d->request_body_no_files_bytes_max, own = t->world.fields_bytes_max;
    return (struct body_limits){ .arguments_max = d->arguments_max,
                                 .depth_max = d->json_depth_max,
                                 .text_parts_max = text_parts_max(t),
                                 .files_max = d->upload_files_max,
                                 .fields_bytes_max =
                                     own && (!fields || own < fields) ? own : fields };
}

int body_query_read(struct waf_transaction *t, slice query)
{
    struct body_limits limits = limits_of(t);
    struct body_reader reader = { .sink = { .context = t, .item = take_query },
                                  .limits = &limits,
                                  .arena = t->arena,
                                  .work = t->work };
    TRY(urlencoded_read(&reader, query, separator(t)));
    t->head_flags |= reader.state.flags & BODY_URLENCODED_ERROR;
    if (!(reader.state.flags & BODY_ERROR))
        return 0;
    t->head_flags |= BODY_ERROR;
    memcpy(t->body.reader.state.message, reader.state.message, BODY_MESSAGE_MAX);
    return 0;
}

static bool is_forms(slice processor)
{
    return slice_equal(processor, SLICE("URLENCODED"));
}

/* ModSecurity chooses these two by itself; JSON and XML only where a rule says so. */
void body_choose_processor(struct waf_transaction *t)
{
    if (t->body.processor.len)
        return;
    enum body_kind kind = body_kind_of(t->content_type);
    if (kind == BODY_KIND_URLENCODED || kind == BODY_KIND_MULTIPART)
        t->body.processor = body_kind_processor(kind);
}

static bool is_multipart(const struct waf_transaction *t)
{
    return slice_equal_fold(t->body.processor, SLICE("MULTIPART"));
}

/* TEXT is no format: what may be text is an argument then, and a variable when that is asked for.
 */
static bool has_format(const struct waf_transaction *t)
{
    return t->body.processor.len && !slice_equal(t->body.processor, SLICE("TEXT"));
}

/* Whether anything would come of the body: a reader knows it, or it may be the text that a rule
 * asked for. */
static bool has_reader(const struct waf_transaction *t)
{
    if (has_format(t))
        return true;
    switch (body_kind_of(t->content_type)) {
    case BODY_KIND_URLENCODED:
    case BODY_KIND_MULTIPART:
    case BODY_KIND_JSON_LINES:
        return true;
    case BODY_KIND_BINARY:
        return false;
    case BODY_KIND_NONE:
    case BODY_KIND_JSON:
    case BODY_KIND_XML:
    case BODY_KIND_TEXT:
    case BODY_KIND_OTHER:
    case BODY_KIND_COUNT:
        break;
    }
    return t->body.is_forced;
}

/* What only may be text is judged by its beginning: nobody says that it is meant to be read. */
static bool may_be_text_only(const struct waf_transaction *t)
{
    enum body_kind kind = body_kind_of(t->content_type);
    return !has_format(t) && (kind == BODY_KIND_NONE || kind == BODY_KIND_OTHER);
}

struct waf_body_wish waf_wants_request_body(const struct waf_transaction *t)
{
    struct waf_body_wish wish = {
        .is_wanted = t->mode != WAF_OFF && t->has_request_body && !t->is_over &&
                     t->allowed_until <= WAF_REQUEST_BODY && has_reader(t),
        .may_stream = !t->body.is_forced &&
                      (is_multipart(t) || (!t->body.processor.len &&
                                           body_kind_of(t->content_type) == BODY_KIND_MULTIPART)),
        .bytes_max = t->request_body_bytes_max,
        .is_refused_beyond = t->mode == WAF_ENFORCE && !t->world.is_shadow &&
                             t->rules->directives.request_body_action == BODY_REJECT &&
                             !may_be_text_only(t),
    };
    return wish;
}

static void refuse_length(struct waf_transaction *t)
{
    enum { CONTENT_TOO_LARGE = 413 };
    struct waf_decision d = { .disposition = WAF_DENY,
                              .status = CONTENT_TOO_LARGE,
                              .phase = WAF_REQUEST_BODY };
    if (waf_wants_request_body(t).is_refused_beyond) {
        t->decision = d;
        t->is_over = true;
    } else if (!may_be_text_only(t) && t->rules->directives.request_body_action == BODY_REJECT &&
               t->would_be.disposition == WAF_PASS) {
        t->would_be = d;
    }
}

static void begin(struct waf_transaction *t)
{
    struct request_body *b = &t->body;
    if (b->is_begun)
        return;
    b->is_begun = true;
    b->limits = limits_of(t);
    b->reader.sink = (struct body_sink){ .context = t, .item = take_item };
    b->reader.limits = &b->limits;
    b->reader.arena = t->arena;
    b->reader.work = t->work;
    body_choose_processor(t);
}

/* Bytes of the piece that are within the limit. */
static slice within_limit(struct waf_transaction *t, slice piece)
{
    uint64_t max = t->request_body_bytes_max, before = t->body.length;
    t->body.length += piece.len;
    if (t->body.length <= max)
        return piece;
    if (!t->body.is_cut)
        refuse_length(t);
    t->body.is_cut = true;
    return slice_first(piece, before < max ? (size_t)(max - before) : 0);
}

/* SecRequestBodyNoFilesLimit: of all bodies but multipart, whose reader counts by itself. */
static bool is_within_no_files(struct waf_transaction *t, slice body)
{
    uint64_t max = t->rules->directives.request_body_no_files_bytes_max;
    if (max == 0 || body.len <= max)
        return true;
    (void)body_fail(&t->body.reader, BODY_ERROR | BODY_LIMITED, (size_t)max,
                    "the body has %zu bytes, more than SecRequestBodyNoFilesLimit %llu", body.len,
                    (unsigned long long)max);
    t->body.is_cut = true;
    return false;
}

static int read_known(struct waf_transaction *t, slice body)
{
    struct body_reader *r = &t->body.reader;
    slice processor = t->body.processor;
    if (is_forms(processor))
        return urlencoded_read(r, body, separator(t));
    if (slice_equal(processor, SLICE("JSON")))
        return json_read(r, body);
    if (slice_equal(processor, SLICE("XML")))
        return xml_read(r, body);
    return 0;
}

static bool is_text(const struct waf_transaction *t, slice body)
{
    return has_reader(t) && (!may_be_text_only(t) || body_is_text(body));
}

/* What ModSecurity would not look into: lines of JSON, and text where a rule names its processor.
 */
static int read_other(struct waf_transaction *t, slice body)
{
    struct body_reader *r = &t->body.reader;
    if (has_format(t))
        return 0;
    enum body_kind kind = body_kind_of(t->content_type);
    if (kind == BODY_KIND_JSON_LINES)
        return json_lines_read(r, body);
    return t->body.processor.len && t->body.has_text ? text_read(r, body) : 0;
}

int waf_request_body(struct waf_transaction *t, slice body)
{
    begin(t);
    if (is_multipart(t)) {
        TRY(waf_request_body_part(t, body));
        t->body.has_text = t->body.is_forced && body.len > 0;
        t->body.text = slice_first(body, (size_t)number_min(body.len, t->request_body_bytes_max));
        return waf_request_body_end(t);
    }
    slice text = within_limit(t, body);
    t->body.is_ended = true;
    if (t->is_over || t->mode == WAF_OFF || !t->has_request_body || body.len == 0)
        return 0;
    t->body.has_text = is_forms(t->body.processor) || (t->body.is_forced && is_text(t, text));
    t->body.text = text;
    if (!is_within_no_files(t, text))
        return 0;
    TRY(read_known(t, text));
    return read_other(t, text);
}

int waf_request_body_part(struct waf_transaction *t, slice piece)
{
    begin(t);
    slice text = within_limit(t, piece);
    if (t->is_over || t->mode == WAF_OFF || !t->has_request_body || text.len == 0 ||
        !is_multipart(t))
        return 0;
    if (!t->body.multipart)
        TRY(multipart_open(&t->body.reader, t->content_type, &t->body.multipart));
    return multipart_feed(t->body.multipart, text);
}

int waf_request_body_end(struct waf_transaction *t)
{
    begin(t);
    if (t->body.is_ended)
        return 0;
    t->body.is_ended = true;
    return t->body.multipart ? multipart_end(t->body.multipart) : 0;
}

bool waf_request_body_is_too_long(const struct waf_transaction *t)
{
    return t->body.reader.state.flags & BODY_FIELDS_EXCEEDED;
}

void waf_request_body_unreadable(struct waf_transaction *t, slice message)
{
    begin(t);
    (void)body_fail(&t->body.reader, BODY_ERROR, 0, "%.*s", SLICE_ARGUMENTS(message));
    t->body.is_ended = true;
}

/* Without parameters, lower case is not needed: compared folded. */
static slice media_type(slice content_type)
{
    return slice_trim(slice_first(content_type, slice_find_byte(content_type, ';')));
}

static bool is_response_type(const struct waf_transaction *t)
{
    const struct waf_directives *d = &t->rules->directives;
    bool is_told = t->world.response_type_count > 0;
    const slice *types = is_told ? t->world.response_types : d->response_types;
    unsigned count = is_told ? t->world.response_type_count : d->response_type_count;
    slice type = media_type(t->response_type);
    for (unsigned i = 0; i < count; i++)
        if (slice_equal_fold(types[i], type) ||
            (type.len == 0 && slice_equal_fold(types[i], SLICE("null"))))
            return true;
    return false;
}

struct waf_body_wish waf_wants_response_body(const struct waf_transaction *t)
{
    return (struct waf_body_wish){
        .is_wanted = t->mode != WAF_OFF && t->has_response_body && !t->is_over &&
                     t->allowed_until <= WAF_RESPONSE_BODY && is_response_type(t),
        .bytes_max = t->response_body_bytes_max,
        .is_refused_beyond = t->mode == WAF_ENFORCE && !t->world.is_shadow &&
                             t->rules->directives.response_body_action == BODY_REJECT,
    };
}

int waf_response_body(struct waf_transaction *t, slice body)
{
    enum { SERVER_ERROR = 500 };
    struct waf_body_wish wish = waf_wants_response_body(t);
    t->response_bytes = body.len;
    if (!wish.is_wanted)
        return 0;
    t->response_body = body;
    t->has_response_body_text = true;
    if (wish.bytes_max == 0 || body.len <= wish.bytes_max)
        return 0;
    t->is_response_cut = true;
    t->response_body = slice_first(body, (size_t)wish.bytes_max);
    if (!wish.is_refused_beyond)
        return 0;
    t->decision = (struct waf_decision){ .disposition = WAF_DENY,
                                         .status = SERVER_ERROR,
                                         .phase = WAF_RESPONSE_BODY };
    t->is_over = true;
    return 0;
}

slice waf_seen_response_body(const struct waf_transaction *t)
{
    return t->has_response_body_text ? t->response_body : slice_of("", 0);
}
