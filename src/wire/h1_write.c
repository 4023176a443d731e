#include "base/panic.h"
#include "wire/h1.h"

void h1_write_request_line(struct writer *w, slice method, slice path, slice query, bool has_query)
{
    writer_slice_add(w, method);
    writer_byte(w, ' ');
    writer_slice_add(w, path);
    if (has_query)
        writer_byte(w, '?');
    writer_slice_add(w, query);
    writer_literal(w, " HTTP/1.1\r\n");
}

static const struct {
    uint16_t status;
    slice phrase;
} phrases[] = {
    { 100, SLICE("Continue") },
    { 101, SLICE("Switching Protocols") },
    { 103, SLICE("Early Hints") },
    { 200, SLICE("OK") },
    { 201, SLICE("Created") },
    { 202, SLICE("Accepted") },
    { 203, SLICE("Non-Authoritative Information") },
    { 204, SLICE("No Content") },
    { 205, SLICE("Reset Content") },
    { 206, SLICE("Partial Content") },
    { 207, SLICE("Multi-Status") },
    { 300, SLICE("Multiple Choices") },
    { 301, SLICE("Moved Permanently") },
    { 302, SLICE("Found") },
    { 303, SLICE("See Other") },
    { 304, SLICE("Not Modified") },
    { 307, SLICE("Temporary Redirect") },
    { 308, SLICE("Permanent Redirect") },
    { 400, SLICE("Bad Request") },
    { 401, SLICE("Unauthorized") },
    { 402, SLICE("Payment Required") },
    { 403, SLICE("Forbidden") },
    { 404, SLICE("Not Found") },
    { 405, SLICE("Method Not Allowed") },
    { 406, SLICE("Not Acceptable") },
    { 407, SLICE("Proxy Authentication Required") },
    { 408, SLICE("Request Timeout") },
    { 409, SLICE("Conflict") },
    { 410, SLICE("Gone") },
    { 411, SLICE("Length Required") },
    { 412, SLICE("Precondition Failed") },
    { 413, SLICE("Content Too Large") },
    { 414, SLICE("URI Too Long") },
    { 415, SLICE("Unsupported Media Type") },
    { 416, SLICE("Range Not Satisfiable") },
    { 417, SLICE("Expectation Failed") },
    { 421, SLICE("Misdirected Request") },
    { 422, SLICE("Unprocessable Content") },
    { 423, SLICE("Locked") },
    { 425, SLICE("Too Early") },
    { 426, SLICE("Upgrade Required") },
    { 428, SLICE("Precondition Required") },
    { 429, SLICE("Too Many Requests") },
    { 431, SLICE("Request Header Fields Too Large") },
    { 451, SLICE("Unavailable For Legal Reasons") },
    { 500, SLICE("Internal Server Error") },
    { 501, SLICE("Not Implemented") },
    { 502, SLICE("Bad Gateway") },
    { 503, SLICE("Service Unavailable") },
    { 504, SLICE("Gateway Timeout") },
    { 505, SLICE("HTTP Version Not Supported") },
    { 507, SLICE("Insufficient Storage") },
};

slice status_phrase(uint16_t status)
{
    for (size_t i = 0; i < ARRAY_LENGTH(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return SLICE("Unknown");
}

void h1_write_status_line(struct writer *w, uint16_t status)
{
    ASSERT(status >= 100 && status <= 999);
    writer_literal(w, "HTTP/1.1 ");
    writer_decimal(w, status);
    writer_byte(w, ' ');
    writer_slice_add(w, status == 200 ? SLICE("OK") : status_phrase(status));
    writer_literal(w, "\r\n");
}

void h1_write_field(struct writer *w, slice name, slice value)
{
    ASSERT(field_value_is_valid(value));
    size_t length = name.len + value.len + 4;
    char *to = writer_room(w, length);
    if (!to)
        return;
    memcpy(to, name.ptr, name.len);
    memcpy(to + name.len, ": ", 2);
    if (value.len)
        memcpy(to + name.len + 2, value.ptr, value.len);
    memcpy(to + length - 2, "\r\n", 2);
    writer_advance(w, length);
}

void h1_write_fields(struct writer *w, const struct fields *fs)
{
    for (uint32_t i = 0; i < fs->count; i++)
        if (!fs->items[i].dropped)
            h1_write_field(w, fs->items[i].name, fs->items[i].value);
}

size_t h1_chunk_head(char to[H1_CHUNK_HEAD_MAX], uint64_t bytes)
{
    ASSERT(bytes > 0);
    struct writer w = writer_over(to, H1_CHUNK_HEAD_MAX);
    writer_hex(&w, bytes);
    writer_literal(&w, "\r\n");
    ASSERT(!w.overflowed);
    return w.len;
}
