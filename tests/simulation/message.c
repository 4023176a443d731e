#include "message.h"

#include <stdlib.h>
#include <strings.h>

void pattern_fill(char *to, uint32_t exchange, uint32_t side, uint64_t from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = pattern_byte(exchange, side, from + i);
}

void message_open(struct message *m)
{
    memset(m, 0, sizeof *m);
    m->exchange = m->length = -1;
}

/* --- The head --------------------------------------------------------------------------------- */

static bool is_field(slice line, const char *name, slice *ret_value)
{
    size_t length = strlen(name);
    if (line.len < length + 1 || strncasecmp(line.ptr, name, length) != 0 ||
        line.ptr[length] != ':')
        return false;
    line = slice_after(line, length + 1);
    while (line.len && line.ptr[0] == ' ')
        line = slice_after(line, 1);
    *ret_value = line;
    return true;
}

static int64_t number_of(slice digits)
{
    int64_t number = -1;
    for (size_t i = 0; i < digits.len && digits.ptr[i] >= '0' && digits.ptr[i] <= '9'; i++)
        number = (number < 0 ? 0 : number) * 10 + (digits.ptr[i] - '0');
    return number;
}

static void read_field(struct message *m, slice line)
{
    slice value;
    if (is_field(line, "Content-Length", &value)) {
        if (m->length >= 0)
            m->state = MESSAGE_BROKEN;
        m->length = number_of(value);
    } else if (is_field(line, "Transfer-Encoding", &value)) {
        m->chunked = true;
    } else if (is_field(line, "X-Exchange", &value)) {
        m->exchange = number_of(value);
    } else if (is_field(line, "Expect", &value)) {
        m->expects = true;
    } else if (is_field(line, "Upgrade", &value)) {
        m->upgrades = true;
    } else if (is_field(line, "Connection", &value)) {
        m->closes |= slice_find(value, SLICE("close")) < value.len;
        m->keeps |= slice_find(value, SLICE("keep-alive")) < value.len;
    }
}

/* "HTTP/1.1 200 OK" or "GET /x/17 HTTP/1.1" */
static void read_first_line(struct message *m, slice line)
{
    if (slice_starts_with(line, SLICE("HTTP/1.")) && line.len >= 12) {
        m->minor_version = (uint32_t)(line.ptr[7] - '0');
        m->status = (uint32_t)number_of(slice_after(line, 9));
        if (m->status < 100 || m->status > 599)
            m->state = MESSAGE_BROKEN;
        return;
    }
    size_t space = slice_find_byte(line, ' ');
    slice target = slice_after(line, space < line.len ? space + 1 : line.len);
    if (space >= sizeof m->method || !slice_starts_with(target, SLICE("/x/"))) {
        m->state = MESSAGE_BROKEN;
        return;
    }
    memcpy(m->method, line.ptr, space);
    m->exchange = number_of(slice_after(target, 3));
    m->minor_version = line.ptr[line.len - 1] == '1';
}

static void read_head(struct message *m)
{
    slice rest = slice_of(m->head, m->head_length);
    m->state = MESSAGE_HEAD_DONE;
    for (bool first = true; rest.len > 2; first = false) {
        size_t end = slice_find(rest, SLICE("\r\n"));
        slice line = slice_first(rest, end);
        if (first)
            read_first_line(m, line);
        else
            read_field(m, line);
        rest = slice_after(rest, end + 2);
    }
}

static size_t take_head(struct message *m, slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (m->head_length == MESSAGE_HEAD_MAX) {
            m->state = MESSAGE_BROKEN;
            return i;
        }
        m->head[m->head_length++] = bytes.ptr[i];
        if (m->head_length >= 4 && memcmp(m->head + m->head_length - 4, "\r\n\r\n", 4) == 0) {
            read_head(m);
            return i + 1;
        }
    }
    return bytes.len;
}

/* --- The body --------------------------------------------------------------------------------- */

void message_without_body(struct message *m)
{
    m->state = MESSAGE_DONE;
}

void message_with_body(struct message *m)
{
    m->left = m->length > 0 ? (uint64_t)m->length : 0;
    m->line_length = 0;
    if (m->chunked)
        m->state = MESSAGE_CHUNK_HEAD;
    else
        m->state = m->left ? MESSAGE_BYTES : MESSAGE_DONE;
}

void message_until_end(struct message *m)
{
    m->state = MESSAGE_UNTIL_END;
}

void message_expect_pattern(struct message *m, uint32_t exchange, uint32_t side)
{
    m->has_pattern = true;
    m->pattern_exchange = exchange;
    m->pattern_side = side;
}

static void take_data(struct message *m, slice data)
{
    for (size_t i = 0; m->has_pattern && i < data.len; i++)
        m->is_wrong |=
            data.ptr[i] != pattern_byte(m->pattern_exchange, m->pattern_side, m->body + i);
    m->body += data.len;
}

static size_t take_counted(struct message *m, slice bytes, enum message_state next)
{
    size_t part = bytes.len < m->left ? bytes.len : (size_t)m->left;
    take_data(m, slice_first(bytes, part));
    m->left -= part;
    if (m->left == 0)
        m->state = next;
    return part;
}

/* One byte of a line of the framing, which is kept in `head`. True when the line is complete. */
static bool take_line_byte(struct message *m, char byte)
{
    if (m->line_length >= 64) {
        m->state = MESSAGE_BROKEN;
        return false;
    }
    m->head[m->line_length++] = byte;
    return byte == '\n';
}

static void read_chunk_head(struct message *m)
{
    m->head[m->line_length] = 0;
    char *end;
    m->left = strtoull(m->head, &end, 16);
    if (end == m->head || end[0] != '\r' || end[1] != '\n')
        m->state = MESSAGE_BROKEN;
    else
        m->state = m->left ? MESSAGE_CHUNK : MESSAGE_TRAILER;
    m->line_length = 0;
}

/* Lines between the chunks: the size, the end of a chunk, the end of the message (no trailers). */
static void read_framing_line(struct message *m)
{
    if (m->state == MESSAGE_CHUNK_HEAD) {
        read_chunk_head(m);
        return;
    }
    bool empty = m->line_length == 2 && m->head[0] == '\r';
    if (!empty)
        m->state = MESSAGE_BROKEN;
    else
        m->state = m->state == MESSAGE_TRAILER ? MESSAGE_DONE : MESSAGE_CHUNK_HEAD;
    m->line_length = 0;
}

size_t message_read(struct message *m, slice bytes)
{
    size_t used = 0;
    while (used < bytes.len) {
        slice rest = slice_after(bytes, used);
        switch (m->state) {
        case MESSAGE_HEAD:
            used += take_head(m, rest);
            break;
        case MESSAGE_BYTES:
            used += take_counted(m, rest, MESSAGE_DONE);
            break;
        case MESSAGE_CHUNK:
            used += take_counted(m, rest, MESSAGE_CHUNK_END);
            break;
        case MESSAGE_CHUNK_HEAD:
        case MESSAGE_CHUNK_END:
        case MESSAGE_TRAILER:
            used++;
            if (take_line_byte(m, rest.ptr[0]))
                read_framing_line(m);
            break;
        case MESSAGE_UNTIL_END:
            take_data(m, rest);
            return bytes.len;
        case MESSAGE_HEAD_DONE:
        case MESSAGE_DONE:
        case MESSAGE_BROKEN:
            return used;
        }
    }
    return used;
}
