/* `recent`: the last exchanges, kept in shared memory for `explain ID`: a JSON object each, which
 * begins with the id. Secrets are masked before anything is written there. Every text has a bound,
 * and together they fit into RECENT_RECORD_BYTES_MAX whatever a client sends. */
#include "filters/filters.h"
#include "filters/log_line.h"
#include "filters/recent_text.h"
#include "filters/waf.h"
#include "proxy/connection.h"
#include "proxy/endpoint.h"
#include "proxy/refusal.h"
#include "proxy/upstream.h"

#define HEAD_BYTES_MAX  (16u << 10)
#define BODY_BYTES_MAX  (12u << 10)
#define MASKS_BYTES_MAX 1024u
#define TEXT_BYTES_MAX  1024u

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

/* The request line as HTTP/1.1 would have it, or as it came where it was not understood. */
static bool write_line(struct writer *w, const struct exchange *x, struct recent_masks *masks)
{
    slice line = log_request_line(x);
    if (x->request.target.len == 0)
        return recent_put_parameters(w, line, HEAD_BYTES_MAX / 2, masks) == line.len;
    slice target = x->request.target;
    (void)recent_put(w, x->request.method_text, TEXT_BYTES_MAX);
    writer_byte(w, ' ');
    bool is_whole = recent_put_parameters(w, target, HEAD_BYTES_MAX / 2, masks) == target.len;
    writer_text(w, x->client_stream           ? " HTTP/2.0"
                   : x->request.minor_version ? " HTTP/1.1"
                                              : " HTTP/1.0");
    return is_whole;
}

static bool has_host(const struct exchange *x)
{
    for (uint32_t i = 0; i < x->client_fields; i++)
        if (x->request.fields.items[i].id == FIELD_HOST)
            return true;
    return false;
}

static bool write_head(struct writer *w, const struct exchange *x, struct recent_masks *masks)
{
    size_t end = w->len + HEAD_BYTES_MAX;
    bool is_whole = write_line(w, x, masks);
    writer_literal(w, "\\r\\n");
    if (x->client_stream && x->request.host.len && !has_host(x)) {
        writer_literal(w, "Host: "); /* :authority */
        (void)recent_put(w, x->request.host, TEXT_BYTES_MAX);
        writer_literal(w, "\\r\\n");
    }
    for (uint32_t i = 0; i < x->client_fields; i++) {
        const struct field *f = &x->request.fields.items[i];
        size_t room = w->len < end ? end - w->len : 0;
        if (f->name.len + 16 > room)
            return false;
        writer_slice_add(w, f->name);
        writer_literal(w, ": ");
        is_whole &=
            recent_put_field(w, f->name, f->value, room - f->name.len - 8, masks) == f->value.len;
        writer_literal(w, "\\r\\n");
    }
    writer_literal(w, "\\r\\n");
    return is_whole;
}

static bool may_have_body(const struct exchange *x)
{
    return x->request.framing == H1_FRAMING_CHUNKED ||
           (x->request.framing == H1_FRAMING_LENGTH && x->request.content_length);
}

static void write_body(struct writer *w, const struct exchange *x, struct recent_masks *masks)
{
    const struct field *type = fields_find_name(&x->request.fields, SLICE("content-type"));
    slice body = x->waf ? x->waf->body : slice_of("", 0), kept = slice_first(body, BODY_BYTES_MAX);
    if (body.len == 0) {
        if (may_have_body(x)) /* nobody held it, or it came compressed */
            writer_literal(w, ",\"body_is_missing\":true");
        return;
    }
    writer_literal(w, ",\"body\":\"");
    size_t taken =
        recent_put_body(w, type ? type->value : slice_of("", 0), kept, BODY_BYTES_MAX, masks);
    writer_literal(w, "\"");
    log_number(w, "body_bytes", body.len);
    if (taken < body.len)
        writer_literal(w, ",\"body_is_cut\":true");
}

static void write_request(struct writer *w, const struct exchange *x)
{
    char memory[MASKS_BYTES_MAX];
    struct recent_masks masks = { .names = writer_over(memory, sizeof memory) };
    writer_literal(w, ",\"request\":{\"head\":\"");
    bool is_whole = write_head(w, x, &masks);
    writer_byte(w, '"');
    if (!is_whole)
        writer_literal(w, ",\"head_is_cut\":true");
    write_body(w, x, &masks);
    writer_literal(w, ",\"masked\":[");
    writer_slice_add(w, writer_slice(&masks.names));
    writer_literal(w, "]}");
}

static bool is_kept(const struct exchange *x)
{
    switch ((enum recent_choice)x->configuration->recent) {
    case RECENT_OFF:
        return false;
    case RECENT_REFUSED:
        return failure_is_refusal(&x->failure) || waf_has_record(x);
    case RECENT_ALL:
        return true;
    }
    return false;
}

static void on_finish(struct exchange *x)
{
    struct recent *recent = gate.shared.recent;
    if (!recent || !is_kept(x))
        return;
    struct writer w =
        writer_over(recent_reserve(recent, RECENT_RECORD_BYTES_MAX), RECENT_RECORD_BYTES_MAX);
    writer_literal(&w, "{\"id\":\"");
    writer_slice_add(&w, x->request_id);
    writer_literal(&w, "\",\"time\":\"");
    log_write_time(&w, x->times.wall_ms);
    writer_byte(&w, '"');
    log_number(&w, "time_ms", (uint64_t)x->times.wall_ms);
    write_client(&w, x);
    write_verdict(&w, x);
    write_request(&w, x);
    if (waf_has_record(x))
        waf_write_record(&w, x);
    writer_byte(&w, '}');
    if (!w.overflowed)
        recent_commit(recent, (uint32_t)w.len);
}

const struct filter recent_filter = {
    .on_finish = on_finish,
};
