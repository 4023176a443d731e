/* `log requests`: one line per exchange, always, cancelled ones too; JSON, or the combined format
 * of Apache and nginx byte for byte (for fail2ban, GoAccess and their like). */
#include <time.h>

#include "filters/filters.h"
#include "filters/log_line.h"
#include "proxy/connection.h"
#include "proxy/refusal.h"
#include "proxy/upstream.h"

#define TEXT_BYTES_MAX 768u

static void write_upstream(struct writer *w, const struct exchange *x)
{
    if (!x->server)
        return;
    log_text(w, "origin", x->server->text);
    log_number(w, "attempts", x->attempts);
    log_span(w, "connect_s", x->times.received, x->times.chosen);
    log_span(w, "head_s", x->times.chosen, x->times.head);
}

static void write_json_line(struct writer *w, const struct exchange *x)
{
    log_begin_object(w, x->times.wall_ms);
    log_text(w, "id", x->request_id);
    log_ip(w, "client", x->client);
    if (!ip_equal(x->client, x->connection->peer))
        log_ip(w, "peer", x->connection->peer);
    log_text(w, "method", x->request.method_text);
    log_text(w, "host", x->host);
    log_key(w, "uri");
    writer_byte(w, '"');
    log_write_uri(w, x);
    writer_byte(w, '"');
    log_text(w, "protocol", x->request.minor_version ? SLICE("HTTP/1.1") : SLICE("HTTP/1.0"));
    log_number(w, "status", log_status(x));
    log_number(w, "bytes_in", x->bytes_in);
    log_number(w, "bytes_out", x->bytes_out);
    log_span(w, "duration_s", x->times.begin, x->times.end);
    log_span(w, "receive_s", x->times.begin, x->times.received);
    write_upstream(w, x);
    log_text(w, "site", x->site ? x->site->name : slice_of(NULL, 0));
    if (x->route && x->route->label.len)
        log_text(w, "route", x->route->label);
    log_text(w, "agent", x->user_agent);
    log_text(w, "referer", x->referer);
    log_number(w, "generation", x->configuration->generation);
    if (x->failure.whose != FAULT_NONE) {
        log_text(w, "reason", slice_from(x->failure.reason));
        log_text(w, "fault", slice_from(fault_name(x->failure.whose)));
    }
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

/* As nginx writes them: quotes, backslashes and bytes that do not print become \xHH; nothing is
 * "-". */
static void write_combined_text(struct writer *w, slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    if (s.len == 0)
        writer_byte(w, '-');
    for (size_t i = 0; i < s.len && i < TEXT_BYTES_MAX; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            writer_byte(w, (char)c);
            continue;
        }
        char escape[4] = { '\\', 'x', digits[c >> 4], digits[c & 15] };
        writer_bytes(w, escape, sizeof escape);
    }
}

static void write_combined_line(struct writer *w, const struct exchange *x)
{
    ip_write(w, x->client);
    writer_literal(w, " - - ");
    write_combined_time(w, x->times.wall_ms);
    writer_literal(w, " \"");
    if (x->request.method_text.len) {
        write_combined_text(w, x->request.method_text);
        writer_byte(w, ' ');
        log_write_uri(w, x);
        writer_text(w, x->request.minor_version ? " HTTP/1.1" : " HTTP/1.0");
    }
    writer_literal(w, "\" ");
    writer_decimal(w, log_status(x));
    writer_byte(w, ' ');
    writer_decimal(w, x->body_bytes_out);
    writer_literal(w, " \"");
    write_combined_text(w, x->referer);
    writer_literal(w, "\" \"");
    write_combined_text(w, x->user_agent);
    writer_byte(w, '"');
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
    .name = "access_log",
    .summary = "One line per exchange",
    .on_finish = on_finish,
};
