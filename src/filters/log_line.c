#include "filters/log_line.h"

#include <time.h>

#include "wire/query.h"

#define URI_BYTES_MAX  4096u
#define TEXT_BYTES_MAX 768u

bool log_line_begin(enum log_channel channel, struct writer *ret)
{
    if (!gate.configuration->logs[channel].is_on)
        return false;
    char *memory = log_ring_reserve(gate.shared.ring, LOG_LINE_BYTES_MAX);
    if (memory) {
        *ret = writer_over(memory, LOG_LINE_BYTES_MAX);
        return true;
    }
    if (channel == LOG_REQUESTS)
        gate.counters->log_lines_dropped++;
    else
        gate.counters->security_lines_dropped++;
    return false;
}

void log_line_end(enum log_channel channel, struct writer *w)
{
    writer_byte(w, '\n');
    bool fits = !w->overflowed;
    if (fits)
        log_ring_commit(gate.shared.ring, (uint32_t)w->len, gate.configuration->logs[channel].sink);
    if (channel == LOG_REQUESTS)
        *(fits ? &gate.counters->log_lines_written : &gate.counters->log_lines_dropped) += 1;
    else
        *(fits ? &gate.counters->security_lines_written : &gate.counters->security_lines_dropped) +=
            1;
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
    writer_json(w, slice_first(value, TEXT_BYTES_MAX));
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

/* Names whose values open doors. Compared without case, as the end of a name: "access_token". */
static bool is_secret_name(slice name)
{
    static const slice endings[] = {
        SLICE("token"),  SLICE("password"), SLICE("passwd"),    SLICE("secret"), SLICE("pwd"),
        SLICE("apikey"), SLICE("api_key"),  SLICE("signature"), SLICE("auth"),   SLICE("sessionid"),
        SLICE("jwt"),    SLICE("api-key"),  SLICE("otp"),       SLICE("sid"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(endings); i++)
        if (name.len >= endings[i].len &&
            slice_equal_fold(slice_after(name, name.len - endings[i].len), endings[i]))
            return true;
    return slice_equal_fold(name, SLICE("code")) || slice_equal_fold(name, SLICE("key"));
}

static void write_query(struct writer *w, slice query)
{
    slice rest = query;
    struct query_pair pair;
    const char *separator = "?";
    if (query.len == 0)
        writer_byte(w, '?');
    while (query_next(&rest, &pair)) {
        writer_text(w, separator);
        writer_json(w, pair.name);
        if (pair.has_value) {
            writer_byte(w, '=');
            writer_json(w, is_secret_name(pair.name) ? SLICE("***") : pair.value);
        }
        separator = "&";
    }
}

void log_write_uri(struct writer *w, const struct exchange *x)
{
    if (!x->target.path.len) { /* refused before it was understood */
        writer_json(w, slice_first(x->request.target, slice_find_byte(x->request.target, '?')));
        return;
    }
    writer_json(w, slice_first(x->path.len ? x->path : x->target.path, URI_BYTES_MAX));
    if (x->target.has_query)
        write_query(w, slice_first(x->target.query, URI_BYTES_MAX));
}

uint16_t log_status(const struct exchange *x)
{
    if (x->status == 0 && x->failure.whose == FAULT_CLIENT)
        return 499;
    return x->status;
}
