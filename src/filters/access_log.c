/* `log requests`: one line per exchange, always, cancelled ones too; JSON, or the combined format
 * of Apache and nginx byte for byte (for fail2ban, GoAccess and their like). What each member of
 * the JSON object means stands in docs/guide/logs-and-metrics.md. */
#include <time.h>

#include "filters/filters.h"
#include "filters/log_line.h"
#include "filters/waf.h"
#include "net/tls.h"
#include "proxy/client_certificate.h"
#include "proxy/connection.h"
#include "proxy/refusal.h"
#include "proxy/upstream.h"

/* Of the combined format. */
#define LINE_BYTES_MAX  8192u
#define FIELD_BYTES_MAX 3072u

static void write_origin(struct writer *w, const struct exchange *x)
{
    if (!x->server)
        return;
    const struct origin *origin =
        ((const struct target_settings *)exchange_block(x, FEATURE_TARGET))->origin;
    if (origin && !slice_equal(origin->name, x->server->text))
        log_text(w, "origin", origin->name);
    log_text(w, "server", x->server->text);
    log_number(w, "attempts", x->attempts);
    writer_text(w, x->origin_reused ? ",\"reused\":true" : ",\"reused\":false");
    log_span(w, "connect_s", x->times.received, x->times.chosen);
    log_span(w, "head_s", x->times.chosen, x->times.head);
    log_span(w, "body_s", x->times.head, x->times.end);
}

static void write_client(struct writer *w, const struct exchange *x)
{
    log_ip(w, "client", x->client);
    if (!ip_equal(x->client, x->connection->peer))
        log_ip(w, "peer", x->connection->peer);
}

static void write_tls(struct writer *w, const struct exchange *x)
{
    const struct tls_facts *facts = tls_facts_of(&x->connection->socket);
    if (!facts)
        return;
    log_text(w, "tls", slice_from(facts->version));
    log_text(w, "cipher", slice_from(facts->cipher));
    if (facts->server_name.len)
        log_text(w, "sni", facts->server_name);
    if (x->client_certificate) {
        log_text(w, "client_certificate", x->client_certificate->subject);
        log_text(w, "client_fingerprint", x->client_certificate->fingerprint);
        if (x->client_certificate->status)
            log_text(w, "client_status", slice_from(x->client_certificate->status));
    }
    if (facts->is_resumed)
        writer_literal(w, ",\"resumed\":true");
}

static void write_json_line(struct writer *w, const struct exchange *x)
{
    log_begin_object(w, x->times.wall_ms);
    log_text(w, "id", x->request_id);
    write_client(w, x);
    log_write_request(w, x);
    log_number(w, "status", log_status(x));
    log_number(w, "bytes_in", x->bytes_in);
    log_number(w, "bytes_out", x->bytes_out);
    log_span(w, "duration_s", x->times.begin, x->times.end);
    log_span(w, "receive_s", x->times.begin, x->times.received);
    write_origin(w, x);
    if (x->site)
        log_text(w, "site", x->site->name);
    if (x->route && x->route->label.len)
        log_text(w, "route", x->route->label);
    if (x->user_agent.ptr)
        log_text(w, "agent", x->user_agent);
    if (x->referer.ptr)
        log_masked(w, "referer", x->referer, LOG_REFERER_BYTES_MAX);
    if (x->failure.whose != FAULT_NONE) {
        log_text(w, "reason", slice_from(x->failure.reason));
        log_text(w, "fault", slice_from(fault_name(x->failure.whose)));
        if (!failure_is_refusal(&x->failure)) /* of those the security log says more */
            log_text(w, "text", slice_from(x->failure.text));
    }
    if (waf_time_us(x))
        log_number(w, "waf_us", waf_time_us(x));
    write_tls(w, x);
    log_fingerprints(w, x);
    log_number(w, "generation", x->configuration->generation);
    log_number(w, "worker", log_worker_pid());
    writer_byte(w, '}');
}

/* "[24/Nov/2026:10:16:32 +0000]", UTC, written once per second. */
static void write_combined_time(struct writer *w, int64_t wall_ms)
{
    static char text[32];
    static size_t length;
    static int64_t second = -1;
    if (wall_ms / 1000 != second) {
        static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
        struct tm utc;
        time_t now = (time_t)(wall_ms / 1000);
        gmtime_r(&now, &utc);
        struct writer t = writer_over(text, sizeof text);
        writer_format(&t, "[%02d/%s/%04d:%02d:%02d:%02d +0000]", utc.tm_mday, months[utc.tm_mon],
                      utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
        length = t.len;
        second = wall_ms / 1000;
    }
    writer_bytes(w, text, length);
}

/* A field that is missing is "-"; one that is empty is empty. */
static void write_combined_text(struct writer *w, slice s)
{
    writer_literal(w, " \"");
    if (s.ptr)
        log_put_masked(w, s, FIELD_BYTES_MAX, &log_escape_combined);
    else
        writer_byte(w, '-');
    writer_byte(w, '"');
}

/* The request line as it came. Its parts one by one where it was understood: no secret ends with
 * the space behind it. */
static void write_combined_line_sent(struct writer *w, const struct exchange *x)
{
    if (x->request.target.len == 0) {
        log_put_masked(w, log_request_line(x), LINE_BYTES_MAX, &log_escape_combined);
        return;
    }
    log_put(w, log_before_target(x), LOG_TEXT_BYTES_MAX, &log_escape_combined);
    log_put_masked(w, x->request.target, LINE_BYTES_MAX, &log_escape_combined);
    log_put(w, log_behind_target(x), LOG_TEXT_BYTES_MAX, &log_escape_combined);
}

static void write_combined_line(struct writer *w, const struct exchange *x)
{
    ip_write(w, x->client);
    writer_literal(w, " - - ");
    write_combined_time(w, x->times.wall_ms);
    writer_literal(w, " \"");
    write_combined_line_sent(w, x);
    writer_literal(w, "\" ");
    if (log_status(x))
        writer_decimal(w, log_status(x));
    else
        writer_literal(w, "000");
    writer_byte(w, ' ');
    writer_decimal(w, x->body_bytes_out);
    write_combined_text(w, x->referer);
    write_combined_text(w, x->user_agent);
}

static void on_finish(struct exchange *x)
{
    struct writer w;
    if (!log_line_begin(LOG_REQUESTS, &w))
        return;
    if (x->configuration->logs[LOG_REQUESTS].format == LOG_FORMAT_COMBINED)
        write_combined_line(&w, x);
    else
        write_json_line(&w, x);
    log_line_end(LOG_REQUESTS, &w);
}

const struct filter access_log_filter = {
    .on_finish = on_finish,
};
