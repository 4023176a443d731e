#include "filters/record.h"

#include "filters/log_line.h"
#include "filters/recent_text.h"
#include "filters/waf_shown.h"
#include "proxy/connection.h"
#include "proxy/endpoint.h"
#include "proxy/refusal.h"
#include "proxy/upstream.h"
#include "wire/h1.h"

#define MASKS_BYTES_MAX 1024u
#define AHEAD_BYTES     4096u /* of a body: where a name may say that what is before it is secret */
#define TEXT_BYTES_MAX  1024u

/* What the parts get of the whole; the bodies have the rest. */
#define RULES_SHARE(bytes)    ((bytes)*3 / 8)
#define REQUEST_SHARE(bytes)  ((bytes) / 5)
#define RESPONSE_SHARE(bytes) ((bytes) / 8)
#define BEHIND_BODY           (MASKS_BYTES_MAX + 128u)

/* A member, unless its value is empty. Key, quotes and colon are one literal. */
#define put(w, key, value) put_text(w, SLICE(",\"" key "\":\""), value)

static void put_text(struct writer *w, slice opening, slice value)
{
    if (value.len == 0)
        return;
    writer_slice_add(w, opening);
    (void)recent_put(w, value, TEXT_BYTES_MAX);
    writer_byte(w, '"');
}

static void write_moment(struct writer *w, const struct exchange *x, slice opening,
                         int64_t moment_us)
{
    if (moment_us < x->times.begin)
        return;
    writer_slice_add(w, opening);
    writer_decimal(w, (uint64_t)(moment_us - x->times.begin));
}

/* Since it began. */
static void write_times(struct writer *w, const struct exchange *x)
{
    writer_literal(w, ",\"times_us\":{\"begin\":0");
    write_moment(w, x, SLICE(",\"received\":"), x->times.received);
    write_moment(w, x, SLICE(",\"chosen\":"), x->times.chosen);
    write_moment(w, x, SLICE(",\"sent\":"), x->times.sent);
    write_moment(w, x, SLICE(",\"head\":"), x->times.head);
    write_moment(w, x, SLICE(",\"end\":"), x->times.end);
    writer_byte(w, '}');
}

static void write_client(struct writer *w, const struct exchange *x)
{
    log_ip(w, "client", x->client);
    log_number(w, "client_port", x->client_port);
    if (!ip_equal(x->client, x->connection->peer))
        log_ip(w, "peer", x->connection->peer);
    put(w, "listener", x->configuration->listens[x->connection->listen].text);
    put(w, "scheme", x->scheme);
    log_fingerprints(w, x);
}

static void write_verdict(struct writer *w, const struct exchange *x)
{
    log_number(w, "generation", x->configuration->generation);
    put(w, "configuration", x->configuration->digest);
    log_number(w, "worker", log_worker_pid());
    if (x->site)
        put(w, "site", x->site->name);
    if (x->route) {
        put(w, "route", x->route->label);
        put(w, "where", x->route->where);
    }
    log_number(w, "status", log_status(x));
    if (x->failure.whose != FAULT_NONE) {
        put(w, "reason", slice_from(x->failure.reason));
        put(w, "text", slice_from(x->failure.text));
        put(w, "fault", slice_from(fault_name(x->failure.whose)));
        put(w, "failure_where", x->failure.where);
    }
    write_times(w, x);
    if (waf_time_us(x))
        log_number(w, "waf_us", waf_time_us(x));
    if (x->server) {
        put(w, "server", x->server->text);
        log_number(w, "attempts", x->attempts);
    }
    log_number(w, "bytes_in", x->bytes_in);
    log_number(w, "bytes_out", x->bytes_out);
}

static void write_producer(struct writer *w, const struct exchange *x)
{
    log_ip(w, "local", connection_local_ip(x->connection));
    log_number(w, "local_port", x->connection->local_port);
    writer_literal(w,
                   ",\"producer\":{\"name\":\"portcullis\",\"version\":\"" PORTCULLIS_VERSION "\"");
    if (x->waf)
        waf_write_rules_name(w, x);
    writer_byte(w, '}');
}

/* --- Heads ------------------------------------------------------------------------------------ */

static slice protocol_of(const struct exchange *x)
{
    if (x->client_stream)
        return SLICE("HTTP/2.0");
    return x->request.minor_version ? SLICE("HTTP/1.1") : SLICE("HTTP/1.0");
}

/* The request line as HTTP/1.1 would have it, or as it came where it was not understood. */
static bool write_line(struct writer *w, const struct exchange *x, size_t bytes_max,
                       struct recent_masks *masks)
{
    slice line = log_request_line(x), target = x->request.target;
    if (target.len == 0)
        return recent_put_parameters(w, line, bytes_max, masks) == line.len;
    (void)recent_put(w, x->request.method_text, TEXT_BYTES_MAX);
    writer_byte(w, ' ');
    bool is_whole = recent_put_parameters(w, target, bytes_max, masks) == target.len;
    writer_byte(w, ' ');
    writer_slice_add(w, protocol_of(x));
    return is_whole;
}

static bool has_host(const struct exchange *x)
{
    for (uint32_t i = 0; i < x->client_fields; i++)
        if (x->request.fields.items[i].id == FIELD_HOST)
            return true;
    return false;
}

/* What HTTP/2 calls :authority. */
static void write_host(struct writer *w, const struct exchange *x)
{
    if (!x->client_stream || x->request.host.len == 0 || has_host(x))
        return;
    writer_literal(w, "Host: ");
    (void)recent_put(w, x->request.host, TEXT_BYTES_MAX);
    writer_literal(w, "\\r\\n");
}

/* Where a rule redirects, without what it has put into the address. */
static slice shown_value(const struct exchange *x, const struct field *f)
{
    const struct waf_transaction *t = x->waf ? x->waf->transaction : NULL;
    bool is_of_rule = t && f->value.len && f->value.ptr == waf_decision(t)->location.ptr;
    return is_of_rule ? waf_shown_location(t) : f->value;
}

/* Where a head goes to, and how far. */
struct head {
    struct writer *w;
    size_t end; /* of w->len */
    struct recent_masks *masks;
};

/* And a blank line. */
static bool write_fields(const struct head *to, const struct exchange *x,
                         const struct fields *fields, bool has_dropped)
{
    bool is_whole = true;
    for (uint32_t i = 0; i < fields->count; i++) {
        struct field f = fields->items[i];
        size_t room = to->w->len < to->end ? to->end - to->w->len : 0;
        if (f.dropped && !has_dropped)
            continue;
        if (f.name.len + 16 > room)
            return false;
        writer_slice_add(to->w, f.name);
        writer_literal(to->w, ": ");
        f.value = shown_value(x, &f);
        is_whole &= recent_put_field(to->w, &f, room - f.name.len - 8, to->masks) == f.value.len;
        writer_literal(to->w, "\\r\\n");
    }
    writer_literal(to->w, "\\r\\n");
    return is_whole;
}

static void write_status_line(struct writer *w, slice protocol, uint16_t status)
{
    writer_slice_add(w, protocol);
    writer_byte(w, ' ');
    writer_decimal(w, status);
    writer_byte(w, ' ');
    writer_slice_add(w, status_phrase(status));
    writer_literal(w, "\\r\\n");
}

static void write_masks(struct writer *w, const struct recent_masks *masks)
{
    writer_literal(w, ",\"masked\":[");
    writer_slice_add(w, writer_slice(&masks->names));
    writer_byte(w, ']');
}

/* Also one that was dropped since: it tells what the body is. */
static slice type_of(const struct fields *fields)
{
    for (uint32_t i = 0; i < fields->count; i++)
        if (fields->items[i].id == FIELD_CONTENT_TYPE)
            return fields->items[i].value;
    return slice_of("", 0);
}

static void write_origin_head(struct writer *w, const struct exchange *x, size_t bytes_max,
                              struct recent_masks *masks)
{
    struct head to = { .w = w, .end = w->len + bytes_max, .masks = masks };
    writer_literal(w, "\"head\":\"");
    write_status_line(w, SLICE("HTTP/1.1"), x->origin_status);
    bool is_whole = write_fields(&to, x, &x->origin_fields, true);
    writer_byte(w, '"');
    if (!is_whole)
        writer_literal(w, ",\"head_is_cut\":true");
}

static void write_origin_body(struct writer *w, const struct exchange *x, slice body,
                              size_t bytes_max, struct recent_masks *masks)
{
    struct recent_body as = { .type = type_of(&x->origin_fields) };
    writer_literal(w, "\"body\":\"");
    size_t taken =
        recent_put_body(w, &as, slice_first(body, bytes_max + AHEAD_BYTES), bytes_max, masks);
    writer_byte(w, '"');
    log_number(w, "body_bytes", body.len);
    if (taken < body.len)
        writer_literal(w, ",\"body_is_cut\":true");
}

/* Of what is left to `end`, when the request behind it gets its head, and its body half. */
static size_t origin_body_room(const struct writer *w, const struct exchange *x,
                               const struct record_wish *wish, size_t end)
{
    size_t behind = BEHIND_BODY;
    if (wish->parts & (RECORD_REQUEST | RECORD_BODY))
        behind += REQUEST_SHARE(wish->bytes_max) + BEHIND_BODY;
    size_t room = end > w->len + behind ? end - w->len - behind : 0;
    if ((wish->parts & RECORD_BODY) && x->waf->body.len)
        room /= 2;
    return room < wish->body_bytes_max ? room : wish->body_bytes_max;
}

/* What the origin answered, whatever the client was sent. */
static void write_origin_response(struct writer *w, const struct exchange *x,
                                  const struct record_wish *wish, size_t end)
{
    char memory[MASKS_BYTES_MAX] UNINITIALIZED;
    struct recent_masks masks = { .names = writer_over(memory, sizeof memory) };
    const struct waf_transaction *t = x->waf ? x->waf->transaction : NULL;
    bool has_head = (wish->parts & RECORD_ORIGIN_HEAD) && x->origin_status;
    slice body = slice_of("", 0);
    if ((wish->parts & RECORD_ORIGIN_BODY) && t)
        body = waf_seen_response_body(t);
    if (!has_head && body.len == 0)
        return;
    writer_literal(w, ",\"origin_response\":{");
    if (has_head)
        write_origin_head(w, x, RESPONSE_SHARE(wish->bytes_max), &masks);
    if (has_head && body.len)
        writer_byte(w, ',');
    if (body.len)
        write_origin_body(w, x, body, origin_body_room(w, x, wish, end), &masks);
    write_masks(w, &masks);
    writer_byte(w, '}');
}

/* What the client was sent, but for the fields that frame the body. */
static void write_response(struct writer *w, const struct exchange *x, size_t bytes_max)
{
    char memory[MASKS_BYTES_MAX] UNINITIALIZED;
    struct recent_masks masks = { .names = writer_over(memory, sizeof memory) };
    struct head to = { .w = w, .end = w->len + bytes_max, .masks = &masks };
    if (x->status == 0)
        return;
    writer_literal(w, ",\"response\":{\"head\":\"");
    write_status_line(w, protocol_of(x), x->status);
    bool is_whole = write_fields(&to, x, &x->response.fields, false);
    writer_byte(w, '"');
    if (!is_whole)
        writer_literal(w, ",\"head_is_cut\":true");
    log_number(w, "body_bytes", x->body_bytes_out);
    write_masks(w, &masks);
    writer_byte(w, '}');
}

static bool may_have_body(const struct exchange *x)
{
    return x->request.framing == H1_FRAMING_CHUNKED ||
           (x->request.framing == H1_FRAMING_LENGTH && x->request.content_length);
}

static void write_body(struct writer *w, const struct exchange *x, bool has_files, size_t bytes_max,
                       struct recent_masks *masks)
{
    slice body = x->waf ? x->waf->body : slice_of("", 0);
    if (body.len == 0) {
        if (may_have_body(x)) /* nobody held it, or it came compressed */
            writer_literal(w, ",\"body_is_missing\":true");
        return;
    }
    writer_literal(w, ",\"body\":\"");
    struct recent_body as = { .type = type_of(&x->request.fields), .omits_files = !has_files };
    size_t taken =
        recent_put_body(w, &as, slice_first(body, bytes_max + AHEAD_BYTES), bytes_max, masks);
    writer_literal(w, "\"");
    log_number(w, "body_bytes", body.len);
    if (taken < body.len)
        writer_literal(w, ",\"body_is_cut\":true");
}

static void write_request(struct writer *w, const struct exchange *x,
                          const struct record_wish *wish, size_t end)
{
    char memory[MASKS_BYTES_MAX] UNINITIALIZED;
    struct recent_masks masks = { .names = writer_over(memory, sizeof memory) };
    size_t most = REQUEST_SHARE(wish->bytes_max);
    writer_literal(w, ",\"request\":{\"head\":\"");
    struct head to = { .w = w, .end = w->len + most, .masks = &masks };
    bool is_whole = true;
    if (wish->parts & RECORD_REQUEST) {
        is_whole = write_line(w, x, most / 2, &masks);
        writer_literal(w, "\\r\\n");
        write_host(w, x);
        struct fields sent = x->request.fields; /* by the client */
        sent.count = x->client_fields;
        is_whole &= write_fields(&to, x, &sent, true);
    }
    writer_byte(w, '"');
    if (!is_whole)
        writer_literal(w, ",\"head_is_cut\":true");
    size_t room = end > w->len + BEHIND_BODY ? end - w->len - BEHIND_BODY : 0;
    if (room > wish->body_bytes_max)
        room = wish->body_bytes_max;
    if ((wish->parts & RECORD_BODY) && room)
        write_body(w, x, wish->parts & RECORD_FILES, room, &masks);
    write_masks(w, &masks);
    writer_byte(w, '}');
}

void exchange_record_write(struct writer *w, const struct exchange *x,
                           const struct record_wish *wish)
{
    size_t end = w->len + wish->bytes_max;
    writer_literal(w, "{\"id\":\"");
    writer_slice_add(w, x->request_id);
    writer_literal(w, "\",\"time\":\"");
    log_write_time(w, x->times.wall_ms);
    writer_byte(w, '"');
    log_number(w, "time_ms", (uint64_t)x->times.wall_ms);
    write_client(w, x);
    write_verdict(w, x);
    if (wish->parts & RECORD_PRODUCER)
        write_producer(w, x);
    if ((wish->parts & RECORD_RULES) && x->waf)
        waf_write_record(w, x, wish->is_told,
                         &(struct waf_record_limits){ .bytes = RULES_SHARE(wish->bytes_max),
                                                      .rules = wish->rules_max });
    if (wish->parts & RECORD_RESPONSE)
        write_response(w, x, RESPONSE_SHARE(wish->bytes_max));
    if (wish->parts & (RECORD_ORIGIN_HEAD | RECORD_ORIGIN_BODY))
        write_origin_response(w, x, wish, end);
    if (wish->parts & (RECORD_REQUEST | RECORD_BODY))
        write_request(w, x, wish, end);
    writer_byte(w, '}');
}
