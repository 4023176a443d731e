#include "control/dry_run.h"

#include <errno.h>

#include "base/writer.h"
#include "control/dry_parts.h"
#include "control/show_text.h"
#include "filters/access.h"
#include "proxy/auth_settings.h"
#include "proxy/router.h"
#include "wire/grpc.h"

#define HTTP2 SLICE("HTTP/2.0")

/* --- Telling ---------------------------------------------------------------------------------- */

int dry_step(struct dry *d, const char *stage, slice verdict, slice where)
{
    struct dry_stage *s = arena_take(d->arena, sizeof *s);
    if (!s)
        return -ENOMEM;
    *s = (struct dry_stage){ .name = stage, .where = where };
    s->verdict = arena_copy(d->arena, verdict);
    if (verdict.len && !s->verdict.ptr)
        return -ENOMEM;
    *d->last = s;
    d->last = &s->next;
    return 0;
}

int dry_refuse(struct dry *d, unsigned status, const char *reason, const char *text)
{
    d->result->outcome = DRY_REFUSED;
    d->result->status = status;
    d->result->reason = reason;
    d->result->text = slice_from(text);
    return -EREFUSED;
}

int dry_answer(struct dry *d, unsigned status, const char *reason)
{
    d->result->outcome = DRY_ANSWERED;
    d->result->status = status;
    d->result->reason = reason;
    return -EREFUSED;
}

/* Told and refused for the same reason. */
static int stop(struct dry *d, const char *stage, unsigned status, const char *reason,
                const char *text)
{
    TRY(dry_step(d, stage, slice_from(text), SLICE("")));
    return dry_refuse(d, status, reason, text);
}

/* --- Receive ---------------------------------------------------------------------------------- */

/* The line of HTTP/2 is made for the log; the rest of the head is like any other. */
static slice as_http1(struct dry *d, slice head)
{
    size_t end = slice_find_byte(head, '\r');
    if (!slice_ends_with(slice_first(head, end), HTTP2))
        return head;
    slice copy = arena_copy(d->arena, head);
    d->is_http2 = true;
    if (copy.ptr)
        memcpy((char *)copy.ptr + end - HTTP2.len, "HTTP/1.1", HTTP2.len);
    return copy;
}

static int parse(struct dry *d, struct h1_error *error)
{
    const struct limits_global *limits = &d->c->limits;
    struct h1_limits h1 = { .head_bytes_max = limits->head_bytes_max,
                            .line_bytes_max = limits->line_bytes_max,
                            .target_bytes_max = limits->target_bytes_max,
                            .fields_max = limits->fields_max };
    struct field *fields = arena_take_array(d->arena, limits->fields_max, sizeof *fields);
    slice head = as_http1(d, d->asked->head);
    size_t scanned = 0, length = 0;
    if (!fields || (d->asked->head.len && !head.ptr))
        return -ENOMEM;
    int result = h1_head_scan(head, &h1, &scanned, &length);
    if (result == -EMSGSIZE)
        *error = (struct h1_error){ .status = 431,
                                    .reason = "h1.head-length",
                                    .text = "the head is longer than `limits head` allows" };
    else if (result != 0)
        *error = (struct h1_error){ .status = 400,
                                    .reason = "client.closed",
                                    .text = "the head has no end" };
    else
        (void)!h1_request_parse(slice_first(head, length), &h1, fields, &d->request, error);
    if (d->is_http2) { /* a body of unknown length is framed */
        bool has_body =
            d->request.framing == H1_FRAMING_NONE && (d->asked->body.len || d->asked->body_bytes);
        d->request.framing = has_body ? H1_FRAMING_CHUNKED : d->request.framing;
    }
    return 0;
}

/* RFC 9112 §3.3, §3.2.2: with an absolute target its authority counts. */
static int judge_host(struct dry *d)
{
    d->authority = d->request.authority;
    if (d->target.form == TARGET_ABSOLUTE) {
        const struct authority *named = &d->target.authority;
        if (d->request.host.len && (!slice_equal_fold(named->host, d->authority.host) ||
                                    named->has_port != d->authority.has_port ||
                                    (named->has_port && named->port != d->authority.port)))
            return stop(d, "request", 400, "h1.host-differs",
                        "Host and the absolute target name different authorities");
        d->authority = *named;
    }
    char *memory = arena_take(d->arena, HOST_BYTES_MAX + 1);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, HOST_BYTES_MAX);
    if (d->authority.host.len)
        authority_write_host(&w, &d->authority);
    d->host = writer_slice(&w);
    return 0;
}

static int receive(struct dry *d)
{
    struct h1_error error = { 0 };
    enum method method;
    TRY(parse(d, &error));
    if (error.reason)
        return stop(d, "request", error.status, error.reason, error.text);
    method = d->request.method;
    if (method == METHOD_CONNECT || method == METHOD_TRACE)
        return stop(d, "request", 405, method == METHOD_TRACE ? "method.trace" : "method.connect",
                    "this method is never served");
    if (target_parse(d->request.target, method, &d->target, &error.reason) != 0)
        return stop(d, "request", 400, error.reason, "the request target is malformed");
    TRY(judge_host(d));
    bool wants_body = method == METHOD_POST || method == METHOD_PUT || method == METHOD_PATCH;
    if (d->request.minor_version == 0 && wants_body && d->request.framing == H1_FRAMING_NONE)
        return stop(d, "request", 411, "h1.length-required",
                    "an HTTP/1.0 request with a body must say its length");
    return 0;
}

/* --- Route ------------------------------------------------------------------------------------ */

static int find_site(struct dry *d)
{
    const struct listen *listen = &d->c->listens[d->asked->listener];
    TRY(dry_step(d, "listener", slice_first(listen->text, 128), SLICE("")));
    if (d->target.form == TARGET_ABSOLUTE && !slice_equal_fold(d->target.scheme, d->asked->scheme))
        return stop(d, "request", 421, "h1.scheme-differs",
                    "the scheme of the target is not the connection's");
    d->result->site = configuration_find_site(d->c, d->host, d->asked->listener);
    if (!d->result->site)
        return stop(d, "site", 421, "site.unknown", "no site has this host on this listener");
    return dry_step(d, "site", d->result->site->name, d->result->site->where);
}

static int find_path(struct dry *d)
{
    const struct site *site = d->result->site;
    const struct target_settings *target =
        site->routes[site->route_count - 1].blocks[FEATURE_TARGET];
    struct path_options options = { .slashes = target->slashes, .collapse_slashes = true };
    size_t room = 3 * d->target.path.len + 1; /* every byte escaped */
    char *memory = arena_take(d->arena, room);
    const char *reason = "uri.path";
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, room);
    if (d->target.form == TARGET_ASTERISK) {
        d->result->path = d->target.path;
    } else if (path_canonicalize(d->target.path, &options, &w, &reason) != 0) {
        TRY(dry_step(d, "path", slice_from(reason), SLICE("")));
        return dry_refuse(d, 400, reason, "the path can be read in more than one way");
    } else {
        d->result->path = writer_slice(&w);
    }
    return dry_step(d, "path", d->result->path, SLICE(""));
}

static int find_route(struct dry *d)
{
    struct dry_result *r = d->result;
    struct routing_question question = { .method = d->request.method,
                                         .method_text = d->request.method_text,
                                         .path = r->path,
                                         .query = d->target.query,
                                         .fields = &d->request.fields,
                                         .client = d->asked->client,
                                         .ja4 = d->asked->ja4,
                                         .h2 = d->asked->h2 };
    r->route = router_find(r->site, &question);
    if (!r->route)
        return dry_refuse(d, 400, "route.undecided",
                          "a route's expression needs too many steps for this path");
    char text[DRY_TEXT_BYTES], *memory = arena_take(d->arena, r->path.len + 1);
    struct writer w = writer_over(text, sizeof text);
    if (!memory)
        return -ENOMEM;
    writer_slice_add(&w, r->route->label.len ? r->route->label : SLICE("* (the site itself)"));
    show_write_conditions(&w, r->route);
    TRY(dry_step(d, "route", writer_slice(&w), r->route->where));
    if (!path_has_other_reading(r->path) || router_is_certain(r->site, r->route, &question, memory))
        return 0;
    return stop(d, "reading", 400, "uri.two-routes",
                "another reading of the path belongs to another route");
}

static int judge_limits(struct dry *d)
{
    const struct limits_settings *limits = d->result->route->blocks[FEATURE_LIMITS];
    const struct field *timeout = fields_find_name(&d->request.fields, SLICE("grpc-timeout"));
    const struct field *type = fields_find(&d->request.fields, FIELD_CONTENT_TYPE);
    int64_t timeout_ms;
    uint64_t there_is = d->asked->body_bytes ? d->asked->body_bytes : d->asked->body.len;
    uint64_t bytes = d->request.framing == H1_FRAMING_LENGTH ? d->request.content_length : there_is;
    if (bytes > limits->body_bytes_max)
        return dry_refuse(d, 413, "limits.body",
                          "the request body is longer than `limits body` allows");
    if (timeout && type && d->request.method == METHOD_POST && grpc_is_content_type(type->value) &&
        grpc_timeout_parse(timeout->value, &timeout_ms) != 0)
        return stop(d, "request", 400, "grpc.timeout",
                    "grpc-timeout is not a number of at most eight digits with a unit");
    return 0;
}

/* --- Filters, in the order of filters/filters.c ----------------------------------------------- */

static int judge_https(struct dry *d)
{
    const struct listen *listen = &d->c->listens[d->asked->listener];
    if (listen->is_tls || listen->is_plain || !d->result->site->tls.https ||
        slice_equal(d->asked->scheme, SLICE("https")) || d->host.len == 0)
        return 0;
    TRY(dry_step(d, "https", SLICE("redirected to https://"), d->result->site->where));
    return dry_answer(d, 308, "redirect");
}

static void write_entry(struct writer *w, const struct network_entry *entry, struct ip client)
{
    if (entry && entry->network.prefix == 0) {
        writer_text(w, entry->denies ? "deny all" : "allow all");
    } else if (entry) {
        writer_format(w, "%s ip ", entry->denies ? "deny" : "allow");
        ip_network_write(w, &entry->network);
    } else {
        writer_literal(w, "nothing is denied for ");
        ip_write(w, client);
    }
}

static int judge_access(struct dry *d)
{
    const struct access_settings *access = d->result->route->blocks[FEATURE_ACCESS];
    const struct network_entry *entry = network_set_find(&access->networks, d->asked->client);
    const struct denied_fingerprint *denied =
        access_find_fingerprint(access, d->asked->ja4, d->asked->h2);
    char text[256];
    struct writer w = writer_over(text, sizeof text);
    write_entry(&w, entry, d->asked->client);
    if (entry && entry->denies) {
        TRY(dry_step(d, "access", writer_slice(&w), SLICE("")));
        d->result->where = *entry->where;
        return dry_refuse(d, 403, "access.deny", "`deny` covers the client's address");
    }
    if (denied) {
        const struct access_refusal *refusal = &access_refusals[denied->kind];
        TRY(dry_step(d, "access", slice_from(refusal->text), denied->where));
        d->result->where = denied->where;
        return dry_refuse(d, 403, refusal->reason, refusal->text);
    }
    if (!access_method_is_allowed(access, d->request.method, d->request.method_text)) {
        TRY(dry_step(d, "access", SLICE("the method is not allowed"), SLICE("")));
        d->result->where = access->methods_where;
        return dry_refuse(d, 405, "access.method",
                          "the method is not among those that are allowed");
    }
    return dry_step(d, "access", writer_slice(&w), SLICE(""));
}

static int judge_certificate(struct dry *d)
{
    const struct auth_settings *auth = d->result->route->blocks[FEATURE_AUTH];
    d->result->wants_certificate = auth->mode != AUTH_OFF && auth->mode != AUTH_OPTIONAL;
    if (!d->result->wants_certificate)
        return 0;
    return dry_step(d, "auth", SLICE("a client certificate is wanted; taken as shown"),
                    auth->where);
}

/* --- Answer and origin ------------------------------------------------------------------------ */

static int tell_edits(struct dry *d, const char *stage, const struct header_edit *edits,
                      uint32_t count)
{
    static const char *const words[] = { "set", "add", "remove" };
    for (uint32_t i = 0; i < count; i++) {
        char text[DRY_TEXT_BYTES];
        struct writer w = writer_over(text, sizeof text);
        writer_format(&w, "%s %.*s ", words[edits[i].kind], SLICE_ARGUMENTS(edits[i].name));
        show_write_template(&w, &edits[i].value);
        TRY(dry_step(d, stage, slice_trim(writer_slice(&w)), SLICE("")));
    }
    return 0;
}

static int answer(struct dry *d)
{
    const struct answer_settings *answer = d->result->route->blocks[FEATURE_ANSWER];
    const struct headers_settings *headers = d->result->route->blocks[FEATURE_HEADERS];
    const struct target_settings *target = d->result->route->blocks[FEATURE_TARGET];
    char text[DRY_TEXT_BYTES];
    struct writer w = writer_over(text, sizeof text);
    show_write_answer(&w, d->result->route);
    TRY(dry_step(d, "answer", writer_slice(&w), SLICE("")));
    if (answer->kind != ANSWER_NONE) {
        TRY(tell_edits(d, "response", headers->response, headers->response_count));
        return dry_answer(d, answer->status,
                          answer->kind == ANSWER_REDIRECT ? "redirect" : "respond");
    }
    if (!target->origin)
        return dry_refuse(d, 404, "route.nothing", "nothing is configured for this path");
    return 0;
}

static int tell_origin(struct dry *d)
{
    const struct target_settings *target = d->result->route->blocks[FEATURE_TARGET];
    const struct headers_settings *headers = d->result->route->blocks[FEATURE_HEADERS];
    size_t room = d->request.method_text.len + target->prefix.len + d->result->path.len +
                  d->target.query.len + 8;
    char text[DRY_TEXT_BYTES], *line = arena_take(d->arena, room);
    struct writer w = writer_over(text, sizeof text), sent = writer_over(line, line ? room : 0);
    for (uint32_t i = 0; i < target->origin->server_count; i++)
        writer_format(&w, "%s%.*s", i ? ", " : "",
                      SLICE_ARGUMENTS(target->origin->servers[i].text));
    TRY(dry_step(d, "origin", writer_slice(&w), SLICE("")));
    TRY(tell_edits(d, "request", headers->request, headers->request_count));
    TRY(tell_edits(d, "response", headers->response, headers->response_count));
    writer_slice_add(&sent, d->request.method_text);
    writer_byte(&sent, ' ');
    writer_slice_add(&sent, target->prefix);
    writer_slice_add(&sent, d->result->path);
    if (d->target.has_query) {
        writer_byte(&sent, '?');
        writer_slice_add(&sent, d->target.query);
    }
    if (sent.overflowed)
        return -ENOMEM;
    d->result->outcome = DRY_FORWARDED;
    d->result->reason = "";
    return dry_step(d, "sent", writer_slice(&sent), SLICE(""));
}

/* --- All of it -------------------------------------------------------------------------------- */

int dry_run(const struct configuration *c, const struct dry_request *request, struct arena *arena,
            struct dry_result *ret)
{
    static int (*const stages[])(struct dry *) = {
        receive,      find_site,         find_path, find_route, judge_limits, judge_https,
        judge_access, judge_certificate, dry_waf,   answer,     tell_origin,  dry_waf_response
    };
    struct dry d = { .c = c, .asked = request, .arena = arena, .result = ret };
    *ret = (struct dry_result){ 0 };
    d.last = &ret->stages;
    int result = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(stages) && result == 0; i++)
        result = stages[i](&d);
    return result == -EREFUSED ? 0 : result;
}

void dry_release(struct dry_result *r)
{
    decompress_release(&r->body);
}
