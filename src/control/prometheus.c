#include "control/prometheus.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "control/certificate_rows.h"

#define TEXT_BYTES_MAX (16u << 20) /* touched only as far as it is written */

static void describe(struct writer *w, const char *name, const char *type, const char *help)
{
    writer_format(w, "# HELP portcullis_%s %s\n# TYPE portcullis_%s %s\n", name, help, name, type);
}

static void write_scalar(struct writer *w, const char *name, const char *type, const char *help,
                         uint64_t value)
{
    describe(w, name, type, help);
    writer_format(w, "portcullis_%s %llu\n", name, (unsigned long long)value);
}

/* The inside of a label's value: backslash, quote and line feed escaped. */
static void write_label(struct writer *w, slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '\\' || value.ptr[i] == '"')
            writer_byte(w, '\\');
        if (value.ptr[i] == '\n')
            writer_literal(w, "\\n");
        else
            writer_byte(w, value.ptr[i]);
    }
}

/* A number inside a structure of 64-bit counters. */
static uint64_t number_at(const void *structure, size_t offset)
{
    return *(const uint64_t *)(const void *)((const char *)structure + offset);
}

static slice row_name(const struct counter_row *rows, uint32_t count, uint32_t row)
{
    if (row == count - 1)
        return SLICE("(other)");
    const char *name = rows[row].name;
    return slice_of(name, strnlen(name, sizeof rows[row].name));
}

/* One family over the rows of a table that have counted anything. */
struct family {
    const char *name, *help, *label, *more; /* more: further labels, ready to write, or "" */
    const struct counter_row *rows;
    uint32_t count;
};

static void open_line(struct writer *w, const struct family *f, uint32_t row, const char *suffix)
{
    writer_format(w, "portcullis_%s%s{%s=\"", f->name, suffix, f->label);
    write_label(w, row_name(f->rows, f->count, row));
    writer_format(w, "\"%s", f->more);
}

static void write_number(struct writer *w, const struct family *f, uint32_t row, uint64_t value)
{
    open_line(w, f, row, "");
    writer_format(w, "} %llu\n", (unsigned long long)value);
}

static void write_histogram(struct writer *w, const struct family *f, uint32_t row,
                            const struct histogram *h)
{
    static const int64_t bounds[] = HISTOGRAM_BOUNDS_US;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        sum += h->bucket[i];
        open_line(w, f, row, "_bucket");
        if (i < ARRAY_LENGTH(bounds))
            writer_format(w, ",le=\"%g\"} %llu\n", (double)bounds[i] / 1e6,
                          (unsigned long long)sum);
        else
            writer_format(w, ",le=\"+Inf\"} %llu\n", (unsigned long long)sum);
    }
    open_line(w, f, row, "_sum");
    writer_format(w, "} %.6f\n", (double)h->sum_us / 1e6);
    open_line(w, f, row, "_count");
    writer_format(w, "} %llu\n", (unsigned long long)sum);
}

static void write_sites(struct writer *w, const struct shared_memory *m,
                        const struct worker_counters *sum)
{
    static const char *const classes[] = { "none", "1xx", "2xx", "3xx", "4xx", "5xx" };
    struct family f = { .rows = m->counters->site_rows,
                        .count = COUNTER_SITES_MAX,
                        .label = "site" };
    f.name = "requests_total";
    describe(w, f.name, "counter", "Requests by site and class of the response's status.");
    for (uint32_t row = 0; row < COUNTER_SITES_MAX; row++)
        for (uint32_t class = 0; class < 6 && sum->sites[row].requests; class ++) {
            char more[32];
            struct writer l = writer_over(more, sizeof more - 1);
            writer_format(&l, ",status=\"%s\"", classes[class]);
            more[l.len] = '\0';
            f.more = more;
            write_number(w, &f, row, sum->sites[row].status[class]);
        }
    f.more = "";
    static const struct {
        const char *name, *help;
        size_t offset;
    } numbers[] = {
        { "refused_total", "Requests refused by a rule or as malformed.",
          offsetof(struct site_counters, refused) },
        { "received_bytes_total", "Bytes received from clients.",
          offsetof(struct site_counters, bytes_in) },
        { "sent_bytes_total", "Bytes sent to clients.", offsetof(struct site_counters, bytes_out) },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        f.name = numbers[i].name;
        describe(w, f.name, "counter", numbers[i].help);
        for (uint32_t row = 0; row < COUNTER_SITES_MAX; row++)
            if (sum->sites[row].requests)
                write_number(w, &f, row, number_at(&sum->sites[row], numbers[i].offset));
    }
    f.name = "request_duration_seconds";
    describe(w, f.name, "histogram",
             "From the first byte of a request to the last of its response.");
    for (uint32_t row = 0; row < COUNTER_SITES_MAX; row++)
        if (sum->sites[row].requests)
            write_histogram(w, &f, row, &sum->sites[row].duration);
}

/* Of sites whose exchanges are judged by rules. */
static void write_judging(struct writer *w, const struct shared_memory *m,
                          const struct worker_counters *sum)
{
    struct family f = {
        .rows = m->counters->site_rows, .count = COUNTER_SITES_MAX, .label = "site", .more = ""
    };
    f.name = "waf_judged_total";
    describe(w, f.name, "counter", "Requests that rules of the WAF have judged.");
    for (uint32_t row = 0; row < COUNTER_SITES_MAX; row++)
        if (sum->sites[row].judged)
            write_number(w, &f, row, sum->sites[row].judged);
    f.name = "waf_unjudged_total";
    describe(w, f.name, "counter",
             "Requests of which not all was judged, and which went on all the same.");
    for (uint32_t row = 0; row < COUNTER_SITES_MAX; row++)
        if (sum->sites[row].unjudged)
            write_number(w, &f, row, sum->sites[row].unjudged);
    f.name = "waf_seconds_total";
    describe(w, f.name, "counter", "Time in the rules, with that of the responses.");
    for (uint32_t row = 0; row < COUNTER_SITES_MAX; row++)
        if (sum->sites[row].judged) {
            open_line(w, &f, row, "");
            writer_format(w, "} %.6f\n", (double)sum->sites[row].judging_us / 1e6);
        }
}

static void write_rule(struct writer *w, const struct shared_memory *m, uint32_t row,
                       const uint64_t exchanges[RULE_VERDICTS])
{
    struct rule_key key;
    bool is_known = counters_rule_of(m->counters->rule_rows, row, &key);
    uint32_t last = COUNTER_SITES_MAX - 1, site = is_known && key.site < last ? key.site : last;
    for (unsigned verdict = 0; verdict < RULE_VERDICTS; verdict++) {
        if (exchanges[verdict] == 0)
            continue;
        writer_literal(w, "portcullis_waf_decisions_total{site=\"");
        write_label(w, row_name(m->counters->site_rows, COUNTER_SITES_MAX, site));
        if (is_known)
            writer_format(w, "\",rule=\"%u\",mode=\"%s\"", key.rule,
                          key.is_shadow ? "shadow" : "enforce");
        else
            writer_literal(w, "\",rule=\"(other)\",mode=\"(other)\"");
        writer_format(w, ",verdict=\"%s\"} %llu\n", rule_verdict_name((enum rule_verdict)verdict),
                      (unsigned long long)exchanges[verdict]);
    }
}

static void write_rules(struct writer *w, const struct shared_memory *m,
                        const struct worker_counters *sum)
{
    describe(w, "waf_decisions_total", "counter",
             "Requests in which the rule found something, by what came of them.");
    for (uint32_t row = 0; row < COUNTER_RULES_MAX; row++)
        write_rule(w, m, row, sum->rules[row].exchanges);
}

static void write_servers(struct writer *w, const struct shared_memory *m,
                          const struct worker_counters *sum)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } numbers[] = {
        { "origin_in_flight", "gauge", "Requests that hold a connection to the origin server.",
          offsetof(struct server_counters, in_flight) },
        { "origin_idle", "gauge",
          "Connections to the origin server that are kept for the next "
          "request.",
          offsetof(struct server_counters, idle) },
        { "origin_requests_total", "counter", "Requests sent to the origin server.",
          offsetof(struct server_counters, requests) },
        { "origin_connects_total", "counter", "Connections opened.",
          offsetof(struct server_counters, connects) },
        { "origin_connect_failures_total", "counter", "Connections that could not be opened.",
          offsetof(struct server_counters, connect_failures) },
        { "origin_reused_total", "counter", "Requests on a connection that was kept.",
          offsetof(struct server_counters, reused) },
        { "origin_tls_handshakes_total", "counter", "TLS handshakes with the origin server.",
          offsetof(struct server_counters, tls_handshakes) },
        { "origin_tls_resumed_total", "counter",
          "TLS handshakes that resumed a session, without a certificate.",
          offsetof(struct server_counters, tls_resumed) },
        { "origin_failures_total", "counter", "Requests without a complete, valid response.",
          offsetof(struct server_counters, failures) },
    };
    struct family f = { .rows = m->counters->server_rows,
                        .count = COUNTER_SERVERS_MAX,
                        .label = "server",
                        .more = "" };
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        f.name = numbers[i].name;
        describe(w, f.name, numbers[i].type, numbers[i].help);
        for (uint32_t row = 0; row < COUNTER_SERVERS_MAX; row++) {
            const struct server_counters *s = &sum->servers[row];
            if (s->requests || s->connect_failures)
                write_number(w, &f, row, number_at(s, numbers[i].offset));
        }
    }
    f.name = "origin_head_seconds";
    describe(w, f.name, "histogram", "From a connection to the origin to its response head.");
    for (uint32_t row = 0; row < COUNTER_SERVERS_MAX; row++)
        if (sum->servers[row].requests)
            write_histogram(w, &f, row, &sum->servers[row].head_time);
}

static void write_totals(struct writer *w, const struct worker_counters *sum)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } totals[] = {
#define TOTAL(member, type, name, help)                                                            \
    { name, type, help, offsetof(struct worker_counters, member) }
        TOTAL(connections_open, "gauge", "connections_open", "Client connections."),
        TOTAL(connections_idle, "gauge", "connections_idle",
              "Client connections without a request."),
        TOTAL(tunnels_open, "gauge", "tunnels_open", "WebSocket tunnels."),
        TOTAL(h2_connections, "gauge", "http2_connections", "Client connections in HTTP/2."),
        TOTAL(h2_streams, "gauge", "http2_streams", "Streams of clients that are at work."),
        TOTAL(h2_streams_opened, "counter", "http2_streams_total",
              "Streams that clients have opened."),
        TOTAL(h2_streams_refused, "counter", "http2_streams_refused_total",
              "Streams refused by `limits streams`."),
        TOTAL(h2_streams_reset, "counter", "http2_streams_reset_total",
              "Streams that ended with an error, the client's or ours."),
        TOTAL(h2_abuse, "counter", "http2_abuse_total",
              "Connections that ended because `limits h2-budget` was spent."),
        TOTAL(fibers, "gauge", "fibers", "Fibers in use."),
        TOTAL(buffered_bytes, "gauge", "buffered_bytes", "Bytes of buffers in use."),
        TOTAL(held_bytes, "gauge", "held_bytes",
              "Bytes of bodies that are held for inspection, and of what is made of them."),
        TOTAL(upstream_open, "gauge", "origin_connections_open", "Connections to origins."),
        TOTAL(upstream_idle, "gauge", "origin_connections_idle",
              "Connections to origins kept idle."),
        TOTAL(connections_accepted, "counter", "connections_accepted_total",
              "Connections accepted."),
        TOTAL(tls_handshakes, "counter", "tls_handshakes_total",
              "TLS handshakes with clients, resumed ones included."),
        TOTAL(tls_resumed, "counter", "tls_handshakes_resumed_total",
              "TLS handshakes with clients that resumed a session."),
        TOTAL(tls_failures, "counter", "tls_handshake_failures_total",
              "TLS handshakes with clients that came to nothing."),
        TOTAL(connections_refused_total, "counter", "connections_refused_limit_total",
              "Connections refused by `limits connections`."),
        TOTAL(connections_refused_client, "counter", "connections_refused_client_total",
              "Connections refused by `limits connections-per-client`, for want of trust, "
              "or of shunned addresses."),
        TOTAL(connections_refused_resources, "counter", "connections_refused_resources_total",
              "Connections refused for want of memory, fibers or descriptors."),
        TOTAL(requests, "counter", "exchanges_total", "Requests of all sites, refused ones too."),
        TOTAL(retries, "counter", "origin_retries_total",
              "Requests sent again on a fresh connection."),
        TOTAL(panics, "counter", "worker_deaths_total", "Workers that died and were replaced."),
#undef TOTAL
    };
    for (size_t i = 0; i < ARRAY_LENGTH(totals); i++)
        write_scalar(w, totals[i].name, totals[i].type, totals[i].help,
                     number_at(sum, totals[i].offset));
}

/* Reasons that have happened. */
static void write_reasons(struct writer *w, const struct shared_memory *m,
                          const struct worker_counters *sum)
{
    struct family f = { .rows = m->counters->reason_rows,
                        .count = COUNTER_REASONS_MAX,
                        .label = "reason",
                        .more = "" };
    f.name = "refusals_total";
    describe(w, f.name, "counter",
             "Requests and connections refused as malformed or by a rule, by reason.");
    for (uint32_t row = 0; row < COUNTER_REASONS_MAX; row++)
        if (sum->refusals[row])
            write_number(w, &f, row, sum->refusals[row]);
    f.name = "failures_total";
    describe(
        w, f.name, "counter",
        "Requests that the client gave up, or that the origin or the proxy failed, by reason.");
    for (uint32_t row = 0; row < COUNTER_REASONS_MAX; row++)
        if (sum->failures[row])
            write_number(w, &f, row, sum->failures[row]);
}

/* offset: of a number inside struct log_counters */
static void write_channels(struct writer *w, const char *name, const char *help,
                           const struct worker_counters *sum, size_t offset)
{
    describe(w, name, "counter", help);
    for (unsigned i = 0; i < LOG_CHANNELS; i++)
        writer_format(w, "portcullis_%s{log=\"%s\"} %llu\n", name,
                      log_channel_name((enum log_channel)i),
                      (unsigned long long)number_at(&sum->logs[i], offset));
}

static void write_logs(struct writer *w, const struct shared_memory *m,
                       const struct worker_counters *sum)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } numbers[] = {
        { "log_lines_written_total", "Lines written to the file.",
          offsetof(struct sink_entry, lines) },
        { "log_lines_lost_total",
          "Lines lost: the file could not be written, or its reader is stuck.",
          offsetof(struct sink_entry, failures) },
        { "log_written_bytes_total", "Bytes written to the file.",
          offsetof(struct sink_entry, bytes) },
    };
    write_channels(w, "log_records_total", "Records given to the logger.", sum,
                   offsetof(struct log_counters, written));
    write_channels(w, "log_records_dropped_total",
                   "Records dropped by the workers: the logger did not keep up.", sum,
                   offsetof(struct log_counters, dropped));
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        describe(w, numbers[i].name, "counter", numbers[i].help);
        for (uint32_t id = 0; id < SINKS_MAX; id++) {
            const struct sink_entry *e = &m->sinks->sinks[id];
            if (!e->is_set)
                continue;
            writer_format(w, "portcullis_%s{path=\"", numbers[i].name);
            write_label(w, slice_of(e->path, strnlen(e->path, SINK_PATH_MAX)));
            writer_format(w, "\"} %llu\n", (unsigned long long)number_at(e, numbers[i].offset));
        }
    }
}

/* Generations with a worker that lives; newest is their highest number. */
static void write_workers(struct writer *w, const struct shared_memory *m)
{
    uint64_t workers = 0, newest = 0, draining = 0, seen[WORKER_SLOTS_MAX];
    uint32_t generations = 0;
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++) {
        const struct worker_slot *s = &m->workers->slots[slot];
        uint64_t generation = s->generation;
        if (s->pid <= 0)
            continue;
        workers++;
        newest = generation > newest ? generation : newest;
        uint32_t i = 0;
        while (i < generations && seen[i] != generation)
            i++;
        seen[i] = generation;
        generations += i == generations;
    }
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++)
        if (m->workers->slots[slot].pid > 0 && m->workers->slots[slot].generation != newest)
            draining += m->counters->workers[slot].connections_open;
    write_scalar(w, "workers", "gauge", "Worker processes, draining ones too.", workers);
    write_scalar(w, "generation", "gauge", "Number of the newest generation.", newest);
    write_scalar(w, "generations", "gauge", "Generations that have workers.", generations);
    write_scalar(w, "connections_draining", "gauge",
                 "Client connections of generations before the newest.", draining);
}

/* Labels of a certificate: no two have the same ones, though several may have the same name. */
static void open_certificate(struct writer *w, const char *name, slice row)
{
    char memory[512];
    struct writer plain = writer_over(memory, sizeof memory);
    certificate_row_write_text(&plain, certificate_row_label(row));
    writer_format(w, "portcullis_%s{certificate=\"", name);
    write_label(w, writer_slice(&plain));
    writer_literal(w, "\",kind=\"");
    writer_slice_add(w, certificate_row_get(row, "kind"));
    writer_literal(w, "\",key=\"");
    writer_slice_add(w, certificate_row_get(row, "key"));
    writer_literal(w, "\",fingerprint=\"");
    writer_slice_add(w, certificate_row_get(row, "fingerprint"));
    writer_literal(w, "\"} ");
}

static void write_certificates(struct writer *w, slice rows)
{
    slice rest = rows, row;
    if (!certificate_rows_next(&rest, &row))
        return;
    describe(w, "certificate_days_left", "gauge", "Whole days until the certificate ends.");
    for (rest = rows; certificate_rows_next(&rest, &row);) {
        slice days = certificate_row_get(row, "days_left");
        if (days.len == 0)
            continue;
        open_certificate(w, "certificate_days_left", row);
        writer_slice_add(w, days);
        writer_byte(w, '\n');
    }
    describe(w, "certificate_error", "gauge",
             "1 when the certificate could not be obtained, replaced or renewed the last time.");
    for (rest = rows; certificate_rows_next(&rest, &row);) {
        open_certificate(w, "certificate_error", row);
        writer_text(w, certificate_row_get(row, "error").len ? "1\n" : "0\n");
    }
}

int prometheus_write(const struct shared_memory *m, int64_t started_wall_ms, slice certificates,
                     struct writer *ret)
{
    static struct worker_counters sum;
    char *text = malloc(TEXT_BYTES_MAX);
    if (!text)
        return -ENOMEM;
    counters_sum(m->counters, &sum);
    *ret = writer_over(text, TEXT_BYTES_MAX);
    describe(ret, "build_info", "gauge", "Version of the program.");
    writer_format(ret, "portcullis_build_info{version=\"%s\"} 1\n", PORTCULLIS_VERSION);
    describe(ret, "start_time_seconds", "gauge", "When the program was started (Unix time).");
    writer_format(ret, "portcullis_start_time_seconds %.3f\n", (double)started_wall_ms / 1e3);
    write_workers(ret, m);
    write_totals(ret, &sum);
    write_reasons(ret, m, &sum);
    write_logs(ret, m, &sum);
    write_sites(ret, m, &sum);
    write_judging(ret, m, &sum);
    write_rules(ret, m, &sum);
    write_servers(ret, m, &sum);
    write_certificates(ret, certificates);
    return 0;
}

void prometheus_free(struct writer *w)
{
    free(w->ptr);
    *w = (struct writer){ 0 };
}
