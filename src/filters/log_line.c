#include "filters/log_line.h"

#include <time.h>
#include <unistd.h>

#include "proxy/connection.h"
#include "proxy/h2_stream.h"

static bool begin(enum log_channel channel, uint32_t bytes_max, uint32_t ring_bytes_max,
                  struct writer *ret)
{
    if (!gate.configuration->logs[channel].is_on)
        return false;
    char *memory = log_ring_used(gate.shared.ring) + bytes_max <= ring_bytes_max
                       ? log_ring_reserve(gate.shared.ring, bytes_max)
                       : NULL;
    if (memory) {
        *ret = writer_over(memory, bytes_max);
        return true;
    }
    gate.counters->logs[channel].dropped++;
    return false;
}

bool log_line_begin(enum log_channel channel, struct writer *ret)
{
    return begin(channel, LOG_LINE_BYTES_MAX, LOG_RING_BYTES, ret);
}

bool log_record_begin(enum log_channel channel, uint32_t bytes_max, struct writer *ret)
{
    return begin(channel, bytes_max, LOG_RING_BYTES / 2, ret);
}

void log_line_end(enum log_channel channel, struct writer *w)
{
    writer_byte(w, '\n');
    bool fits = !w->overflowed;
    if (fits)
        log_ring_commit(gate.shared.ring, (uint32_t)w->len, gate.configuration->logs[channel].sink);
    struct log_counters *counters = &gate.counters->logs[channel];
    *(fits ? &counters->written : &counters->dropped) += 1;
}

static void write_digits(char *to, unsigned value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value /= 10)
        to[i] = (char)('0' + value % 10);
}

/* All but the milliseconds is written once per second. */
void log_write_time(struct writer *w, int64_t wall_ms)
{
    static char text[] = "0000-00-00T00:00:00.000Z";
    static int64_t second = -1;
    if (wall_ms / 1000 != second) {
        struct tm utc;
        time_t now = (time_t)(wall_ms / 1000);
        gmtime_r(&now, &utc);
        write_digits(text, (unsigned)utc.tm_year + 1900, 4);
        write_digits(text + 5, (unsigned)utc.tm_mon + 1, 2);
        write_digits(text + 8, (unsigned)utc.tm_mday, 2);
        write_digits(text + 11, (unsigned)utc.tm_hour, 2);
        write_digits(text + 14, (unsigned)utc.tm_min, 2);
        write_digits(text + 17, (unsigned)utc.tm_sec, 2);
        second = wall_ms / 1000;
    }
    write_digits(text + 20, (unsigned)(wall_ms % 1000), 3);
    writer_bytes(w, text, sizeof text - 1);
}

void log_begin_object(struct writer *w, int64_t wall_ms)
{
    writer_literal(w, "{\"time\":\"");
    log_write_time(w, wall_ms);
    writer_byte(w, '"');
}

void log_write_text(struct writer *w, slice opening, slice value)
{
    writer_slice_add(w, opening);
    log_put(w, value, LOG_TEXT_BYTES_MAX, &log_escape_json);
    writer_byte(w, '"');
}

void log_write_ip(struct writer *w, slice opening, struct ip ip)
{
    writer_slice_add(w, opening);
    ip_write(w, ip);
    writer_byte(w, '"');
}

void log_write_span(struct writer *w, int64_t from_us, int64_t to_us)
{
    if (from_us && to_us >= from_us)
        writer_seconds_us(w, to_us - from_us);
    else
        writer_literal(w, "null");
}

void log_write_masked(struct writer *w, slice opening, slice value, size_t bytes_max)
{
    writer_slice_add(w, opening);
    log_put_masked(w, value, bytes_max, &log_escape_json);
    writer_byte(w, '"');
}

void log_connection_fingerprints(struct writer *w, const struct connection *c,
                                 const struct h2_session *session)
{
    const struct tls_facts *facts = tls_facts_of(&c->socket);
    if (facts && facts->fingerprint[0])
        log_text(w, "ja4", slice_from(facts->fingerprint));
    if (!session)
        return;
    char memory[H2_FINGERPRINT_BYTES_MAX];
    struct writer h2 = writer_over(memory, sizeof memory);
    h2_fingerprint_write(&h2, &session->fingerprint);
    log_text(w, "h2", writer_slice(&h2));
}

void log_fingerprints(struct writer *w, const struct exchange *x)
{
    log_connection_fingerprints(w, x->connection,
                                x->client_stream ? x->client_stream->session : NULL);
}

slice log_request_line(const struct exchange *x)
{
    const struct buffer *unparsed = x->connection->input;
    slice line = x->request.head;
    if (line.len == 0 && unparsed && !x->head_buffer)
        line = slice_of(unparsed->memory + unparsed->start, buffer_length(unparsed));
    line = slice_first(line, slice_find_byte(line, '\n'));
    return slice_first(line, slice_find_byte(line, '\r'));
}

slice log_before_target(const struct exchange *x)
{
    slice line = log_request_line(x);
    return slice_first(line, (size_t)(x->request.target.ptr - line.ptr));
}

slice log_behind_target(const struct exchange *x)
{
    slice line = log_request_line(x);
    return slice_after(line, log_before_target(x).len + x->request.target.len);
}

void log_write_request(struct writer *w, const struct exchange *x)
{
    if (x->request.target.len == 0) {
        log_masked(w, "line", log_request_line(x), LOG_PATH_BYTES_MAX);
        return;
    }
    slice sent = slice_first(x->target.path, slice_find_byte(x->target.path, '?'));
    log_text(w, "method", x->request.method_text);
    log_text(w, "host", x->host);
    log_masked(w, "uri", x->request.target, LOG_URI_BYTES_MAX);
    if (x->path.len && !slice_equal(x->path, sent))
        log_masked(w, "path", x->path, LOG_PATH_BYTES_MAX);
    log_text(w, "protocol", slice_after(log_behind_target(x), 1));
}

uint16_t log_status(const struct exchange *x)
{
    if (x->status == 0 && x->failure.whose == FAULT_CLIENT)
        return 499;
    return x->status;
}

uint64_t log_worker_pid(void)
{
    static uint64_t pid; /* a worker does not fork */
    if (pid == 0)
        pid = (uint64_t)getpid();
    return pid;
}
