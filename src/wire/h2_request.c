#include "wire/h2_request.h"

#include <errno.h>

#include "wire/bytes.h"
#include "wire/h1_parts.h"
#include "wire/h2_parts.h"

struct h2_crumb {
    struct h2_crumb *next;
    slice text;
};

/* --- Failing: the first one counts ------------------------------------------------------------ */

static void fail(struct h2_request *h, int result, uint16_t status, const char *reason,
                 const char *text)
{
    if (h->result != 0)
        return;
    h->result = result;
    h->error = (struct h1_error){ .status = status, .reason = reason, .text = text };
}

static void malformed(struct h2_request *h, const char *reason, const char *text)
{
    fail(h, -EPROTO, 400, reason, text);
}

static void too_large(struct h2_request *h, uint16_t status, const char *reason, const char *text)
{
    fail(h, -EMSGSIZE, status, reason, text);
}

void h2_request_begin(struct h2_request *h, struct arena *arena, const struct h1_limits *limits,
                      struct field *fields, struct h1_request *request)
{
    *request = (struct h1_request){ .minor_version = 1,
                                    .keep_alive = true,
                                    .fields = { .items = fields, .capacity = limits->fields_max } };
    *h = (struct h2_request){ .arena = arena, .limits = limits, .request = request };
}

void h2_trailers_begin(struct h2_request *h, const struct h1_limits *limits)
{
    *h = (struct h2_request){ .limits = limits, .is_trailer = true };
}

/* --- One field -------------------------------------------------------------------------------- */

/* A copy in the arena; ptr NULL when memory is out, which has been noted. */
static slice keep(struct h2_request *h, slice text)
{
    slice copy = arena_copy(h->arena, text);
    if (!copy.ptr)
        fail(h, -ENOMEM, 503, "resources.memory", "out of memory");
    return copy;
}

static void add_crumb(struct h2_request *h, slice value)
{
    struct h2_crumb *crumb = arena_take(h->arena, sizeof *crumb);
    if (!crumb) {
        fail(h, -ENOMEM, 503, "resources.memory", "out of memory");
        return;
    }
    *crumb = (struct h2_crumb){ .text = keep(h, value) };
    if (h->last_crumb)
        h->last_crumb->next = crumb;
    else
        h->crumbs = crumb;
    h->last_crumb = crumb;
    h->crumb_bytes += value.len + 2;
}

static void note_host(struct h2_request *h, slice value)
{
    if (h->has_host)
        malformed(h, "h1.host", "Host is said more than once");
    h->has_host = true;
    h->request->host = value;
}

static void add_regular(struct h2_request *h, slice name, slice value)
{
    struct field f = { .name = name, .value = value, .id = field_id_of(name) };
    struct h1_error error;
    int result = h2_field_judge(&f, h->limits, true, &error);
    if (result != 0)
        fail(h, result, error.status, error.reason, error.text);
    h->has_regular = true;
    if (h->result != 0 || h->is_trailer)
        return;
    if (f.id == FIELD_COOKIE) {
        add_crumb(h, value);
        return;
    }
    slice kept = keep(h, value);
    /* A name that has an id is written the way it is known: origins of HTTP/1 see no difference. */
    slice known = f.id == FIELD_OTHER ? keep(h, name) : field_name_of(f.id);
    if (h->result == 0 && fields_add(&h->request->fields, known, kept, f.id) != 0)
        too_large(h, 431, "h2.field-count", "more fields than `limits fields` allows");
    if (f.id == FIELD_HOST)
        note_host(h, kept);
}

/* --- Pseudo-fields ---------------------------------------------------------------------------- */

static slice *place_of(struct h2_request *h, slice name, bool **ret_has)
{
    if (slice_equal(name, SLICE(":method"))) {
        *ret_has = &h->has_method;
        return &h->request->method_text;
    }
    if (slice_equal(name, SLICE(":path"))) {
        *ret_has = &h->has_path;
        return &h->request->target;
    }
    if (slice_equal(name, SLICE(":scheme"))) {
        *ret_has = &h->has_scheme;
        return &h->scheme;
    }
    if (slice_equal(name, SLICE(":authority"))) {
        *ret_has = &h->has_authority;
        return &h->authority;
    }
    if (slice_equal(name, SLICE(":protocol"))) {
        *ret_has = &h->has_protocol;
        return &h->protocol;
    }
    return NULL;
}

static void add_pseudo(struct h2_request *h, slice name, slice value)
{
    bool *has;
    if (h->is_trailer) {
        malformed(h, "h2.pseudo-field", "a trailer is a pseudo-field");
        return;
    }
    if (h->has_regular)
        malformed(h, "h2.pseudo-field", "a pseudo-field stands behind a field");
    slice *place = place_of(h, name, &has);
    if (!place) {
        malformed(h, "h2.pseudo-field", "a pseudo-field is unknown, or not one of requests");
        return;
    }
    if (*has)
        malformed(h, "h2.pseudo-field", "a pseudo-field is said twice");
    if (value.len == 0)
        malformed(h, "h2.pseudo-field", "a pseudo-field is empty");
    if (place == &h->request->target && value.len > h->limits->target_bytes_max)
        too_large(h, 414, "h1.target-length", "the target is longer than `limits target` allows");
    *has = true;
    if (h->result == 0)
        *place = keep(h, value);
}

void h2_request_add(struct h2_request *h, slice name, slice value)
{
    h->bytes += name.len + value.len + 4;
    if (h->bytes > h->limits->head_bytes_max)
        too_large(h, 431, "h2.head-length", "the request head is longer than `limits head` allows");
    if (h->result != 0)
        return;
    if (name.len && name.ptr[0] == ':')
        add_pseudo(h, name, value);
    else
        add_regular(h, name, value);
}

void h2_request_overflow(struct h2_request *h)
{
    too_large(h, 431, "h2.head-length", "the request head is longer than `limits head` allows");
}

/* --- The whole list --------------------------------------------------------------------------- */

/* RFC 9113 §8.3.1 and §8.5, RFC 8441 §4: which pseudo-fields there must be. */
static void judge_presence(struct h2_request *h)
{
    bool connects = slice_equal(h->request->method_text, SLICE("CONNECT"));
    if (!h->has_method)
        malformed(h, "h2.pseudo-field", ":method is missing");
    else if (connects && !h->has_protocol && (h->has_scheme || h->has_path))
        malformed(h, "h2.pseudo-field", "CONNECT with :scheme or :path");
    else if (!connects && h->has_protocol)
        malformed(h, "h2.pseudo-field", ":protocol with a method other than CONNECT");
    else if ((!connects || h->has_protocol) && (!h->has_scheme || !h->has_path))
        malformed(h, "h2.pseudo-field", ":scheme or :path is missing");
    if (!h->has_authority && (!h->has_host || connects))
        malformed(h, "h1.host", ":authority is missing");
}

static void judge_method(struct h2_request *h)
{
    struct h1_request *r = h->request;
    if (!field_name_is_token(r->method_text))
        malformed(h, "h1.method", "the method is not a token");
    r->method = method_of(r->method_text);
}

/* RFC 9113 §8.3.1: begins with '/', or is '*' for OPTIONS. */
static void judge_path(struct h2_request *h)
{
    const struct h1_request *r = h->request;
    if (!h->has_path)
        return;
    if (!bytes_are(r->target, BYTE_TARGET))
        malformed(h, "h1.target", ":path holds a byte that may not stand there");
    else if (slice_equal(r->target, SLICE("*")) && r->method != METHOD_OPTIONS)
        malformed(h, "uri.asterisk", ":path is '*' with a method other than OPTIONS");
    else if (r->target.ptr[0] != '/' && r->target.ptr[0] != '*')
        malformed(h, "uri.target", ":path does not begin with '/'");
    else if (r->target.ptr[0] == '*' && r->target.len > 1)
        malformed(h, "uri.target", ":path does not begin with '/'");
}

static void judge_scheme(struct h2_request *h)
{
    if (!h->has_scheme)
        return;
    if (slice_equal_fold(h->scheme, SLICE("https")))
        h->scheme = SLICE("https");
    else if (slice_equal_fold(h->scheme, SLICE("http")))
        h->scheme = SLICE("http");
    else
        fail(h, -EINVAL, 400, "uri.scheme", ":scheme is neither http nor https");
}

/* RFC 9113 §8.3.1: userinfo is forbidden; "a server SHOULD treat a request as malformed if it
 * contains a Host header field that identifies an entity that differs". */
static void judge_authority(struct h2_request *h)
{
    struct h1_request *r = h->request;
    struct authority named;
    slice text = h->has_authority ? h->authority : r->host;
    if (authority_parse(text, &r->authority) != 0) {
        malformed(h, "h1.host", ":authority is not a host with an optional port");
        return;
    }
    if (h->has_authority && h->has_host &&
        (authority_parse(r->host, &named) != 0 ||
         !slice_equal_fold(named.host, r->authority.host) ||
         named.has_port != r->authority.has_port || named.port != r->authority.port))
        malformed(h, "h1.host-differs", "Host and :authority name different authorities");
    r->host = text;
}

static void judge_framing(struct h2_request *h, bool ends_stream)
{
    struct h1_request *r = h->request;
    struct h1_error error;
    int sized = h1_content_length(&r->fields, &r->content_length, &error);
    if (sized < 0)
        malformed(h, error.reason, error.text);
    else if (ends_stream && sized && r->content_length > 0)
        malformed(h, "h2.content-length", "Content-Length says more than there is");
    r->framing = sized > 0 ? H1_FRAMING_LENGTH : ends_stream ? H1_FRAMING_NONE : H1_FRAMING_CHUNKED;
}

/* RFC 8441 §5: the stream is the tunnel; key and accept of HTTP/1 are not used. */
static void judge_websocket(struct h2_request *h, bool ends_stream)
{
    struct h1_request *r = h->request;
    const struct field *version = fields_find(&r->fields, FIELD_SEC_WEBSOCKET_VERSION);
    if (!h->has_protocol)
        return;
    if (!slice_equal(h->protocol, SLICE("websocket"))) {
        fail(h, -EINVAL, 501, "h2.protocol", ":protocol is not websocket");
        return;
    }
    if (version && !slice_equal(version->value, SLICE("13"))) {
        fail(h, -EINVAL, 426, "websocket.version", "Sec-WebSocket-Version is not 13");
        return;
    }
    if (!version || fields_count(&r->fields, FIELD_SEC_WEBSOCKET_VERSION) != 1 || ends_stream ||
        r->framing != H1_FRAMING_CHUNKED) {
        malformed(h, "websocket.handshake", "the WebSocket handshake is malformed");
        return;
    }
    fields_drop_set(&r->fields,
                    FIELD_BIT(FIELD_SEC_WEBSOCKET_KEY) | FIELD_BIT(FIELD_SEC_WEBSOCKET_ACCEPT));
    r->method = METHOD_GET;
    r->method_text = SLICE("GET");
    r->framing = H1_FRAMING_NONE;
    r->upgrades_to_websocket = true;
}

/* RFC 9113 §8.2.3: crumbs "MUST be concatenated into a single octet string using the two-octet
 * delimiter of 0x3B, 0x20". */
static void join_cookie(struct h2_request *h)
{
    if (!h->crumbs)
        return;
    char *memory = arena_take(h->arena, h->crumb_bytes);
    struct writer w = writer_over(memory, memory ? h->crumb_bytes : 0);
    for (const struct h2_crumb *crumb = h->crumbs; crumb; crumb = crumb->next) {
        if (w.len)
            writer_literal(&w, "; ");
        writer_slice_add(&w, crumb->text);
    }
    if (w.overflowed)
        fail(h, -ENOMEM, 503, "resources.memory", "out of memory");
    else if (w.len > h->limits->line_bytes_max)
        too_large(h, 431, "h2.field-length", "the cookie is longer than `limits line` allows");
    else if (fields_add(&h->request->fields, field_name_of(FIELD_COOKIE), writer_slice(&w),
                        FIELD_COOKIE) != 0)
        too_large(h, 431, "h2.field-count", "more fields than `limits fields` allows");
}

/* "GET /path HTTP/2.0", for the log; method and target point into it. */
static void write_line(struct h2_request *h)
{
    static const slice version = SLICE(" HTTP/2.0\r\n");
    struct h1_request *r = h->request;
    slice target = h->has_path ? r->target : h->authority;
    size_t room = r->method_text.len + 1 + target.len + version.len;
    char *memory = arena_take(h->arena, room);
    struct writer w = writer_over(memory, memory ? room : 0);
    writer_slice_add(&w, r->method_text);
    writer_byte(&w, ' ');
    writer_slice_add(&w, target);
    writer_slice_add(&w, version);
    if (w.overflowed) {
        fail(h, -ENOMEM, 503, "resources.memory", "out of memory");
        return;
    }
    r->head = writer_slice(&w);
    r->target = slice_of(memory + r->method_text.len + 1, target.len);
    r->method_text = slice_first(r->head, r->method_text.len);
}

static void settle_fields(struct h2_request *h)
{
    static const uint64_t own = FIELD_BIT(FIELD_TE) | FIELD_BIT(FIELD_TRAILER);
    struct h1_error error;
    int result = h1_settle_fields(h->request, &error);
    if (result != 0)
        fail(h, -EINVAL, error.status, error.reason, error.text);
    fields_drop_set(&h->request->fields, own);
}

int h2_request_end(struct h2_request *h, bool ends_stream, struct h1_error *reterr)
{
    static void (*const judges[])(struct h2_request *) = { judge_presence,  judge_method,
                                                           judge_path,      judge_scheme,
                                                           judge_authority, join_cookie };
    for (size_t i = 0; i < ARRAY_LENGTH(judges) && h->result == 0; i++)
        judges[i](h);
    if (h->result == 0)
        judge_framing(h, ends_stream);
    if (h->result == 0)
        judge_websocket(h, ends_stream);
    if (h->result == 0)
        settle_fields(h);
    bool is_readable = field_name_is_token(h->request->method_text) &&
                       bytes_are(h->has_path ? h->request->target : h->authority, BYTE_TARGET);
    if (is_readable && h->result != -ENOMEM)
        write_line(h);
    else
        h->request->target = h->request->method_text = slice_of(NULL, 0);
    *reterr = h->error;
    return h->result;
}

int h2_trailers_end(struct h2_request *h, bool ends_stream, struct h1_error *reterr)
{
    /* RFC 9113 §8.1: a second field section without END_STREAM is malformed. */
    if (!ends_stream)
        malformed(h, "h2.trailers", "fields behind the body do not end the stream");
    *reterr = h->error;
    return h->result;
}

/* --- Priority --------------------------------------------------------------------------------- */

/* The dictionary of RFC 8941 §3.2, as far as the two members need it: the last of a name counts. */
void h2_priority_parse(slice value, struct h2_priority *ret)
{
    slice rest = value, member;
    while (list_next(&rest, &member)) {
        slice item = slice_trim(slice_first(member, slice_find_byte(member, ';')));
        if (item.len == 3 && item.ptr[0] == 'u' && item.ptr[1] == '=' && item.ptr[2] >= '0' &&
            item.ptr[2] <= '7')
            ret->urgency = (uint8_t)(item.ptr[2] - '0');
        else if (slice_equal(item, SLICE("i")) || slice_equal(item, SLICE("i=?1")))
            ret->incremental = true;
        else if (slice_equal(item, SLICE("i=?0")))
            ret->incremental = false;
    }
}
