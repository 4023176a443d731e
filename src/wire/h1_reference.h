/* A second reading of RFC 9112 for tests only, as naive as can be: it splits and compares instead
 * of scanning, so that it shares no idea and no line with the parser whose judgement it checks.
 * Hosts are the exception: authority_parse has tables of its own. */
#pragma once

#include <ctype.h>

#include "wire/h1.h"

#define REFERENCE_LINES_MAX 128u

struct reference {
    slice method, target;
    bool is_1_1;
    slice names[REFERENCE_LINES_MAX], values[REFERENCE_LINES_MAX];
    bool dropped[REFERENCE_LINES_MAX];
    unsigned count;
    enum h1_framing framing;
    slice length; /* the text of Content-Length */
    bool keep_alive;
};

static inline bool reference_is_tchar(char c)
{
    return (c > ' ' && c < 127 && isalnum(c)) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static inline bool reference_is_target(char c)
{
    return (c > ' ' && c < 127 && isalnum(c)) || (c && strchr("-._~:/?[]@!$&'()*+,;=%", c));
}

static inline bool reference_is_digit(char c)
{
    return c == '0' || (c >= '1' && c <= '9');
}

static inline bool reference_is_value(char c)
{
    return c == '\t' || ((unsigned char)c >= 32 && c != 127);
}

static inline bool reference_all(slice s, bool (*is)(char c))
{
    for (size_t i = 0; i < s.len; i++)
        if (!is(s.ptr[i]))
            return false;
    return true;
}

static inline bool reference_is_name(slice s)
{
    return s.len > 0 && reference_all(s, reference_is_tchar);
}

/* The lines of a head: each CR and each LF is half of a CRLF, and only the last line is empty. */
static inline bool reference_split(slice head, slice lines[REFERENCE_LINES_MAX],
                                   unsigned *ret_count)
{
    unsigned count = 0;
    size_t from = 0;
    for (size_t i = 0; i < head.len; i++) {
        if (head.ptr[i] == '\n' && (i == 0 || head.ptr[i - 1] != '\r'))
            return false;
        if (head.ptr[i] != '\r')
            continue;
        if (i + 1 == head.len || head.ptr[i + 1] != '\n' || count == REFERENCE_LINES_MAX)
            return false;
        if (i == from && i + 2 != head.len)
            return false;
        lines[count++] = slice_of(head.ptr + from, i - from);
        from = i + 2;
    }
    *ret_count = count;
    return count >= 2 && from == head.len && lines[count - 1].len == 0;
}

static inline bool reference_first_line(slice line, struct reference *r)
{
    size_t first = 0, last = line.len;
    while (first < line.len && line.ptr[first] != ' ')
        first++;
    while (last > 0 && line.ptr[last - 1] != ' ')
        last--;
    if (first + 1 >= last)
        return false;
    slice version = slice_after(line, last);
    r->method = slice_first(line, first);
    r->target = slice_of(line.ptr + first + 1, last - first - 2);
    r->is_1_1 = slice_equal(version, SLICE("HTTP/1.1"));
    return (r->is_1_1 || slice_equal(version, SLICE("HTTP/1.0"))) && r->target.len > 0 &&
           reference_is_name(r->method) && reference_all(r->target, reference_is_target);
}

static inline bool reference_field(slice line, struct reference *r)
{
    size_t colon = 0, from, to = line.len;
    while (colon < line.len && line.ptr[colon] != ':')
        colon++;
    for (from = colon + 1; from < to && isblank(line.ptr[from]);)
        from++;
    while (to > from && isblank(line.ptr[to - 1]))
        to--;
    if (colon == line.len)
        return false;
    r->names[r->count] = slice_first(line, colon);
    r->values[r->count] = slice_of(line.ptr + from, to - from);
    r->dropped[r->count] = memchr(line.ptr, '_', colon) != NULL;
    r->count++;
    return reference_is_name(r->names[r->count - 1]) &&
           reference_all(r->values[r->count - 1], reference_is_value);
}

static inline bool reference_same(slice a, const char *b)
{
    return a.len == strlen(b) && (a.len == 0 || strncasecmp(a.ptr, b, a.len) == 0);
}

/* How many lines have the name; *ret is the value of the last. */
static inline unsigned reference_find(const struct reference *r, const char *name, slice *ret)
{
    unsigned found = 0;
    for (unsigned i = 0; i < r->count; i++)
        if (reference_same(r->names[i], name)) {
            *ret = r->values[i];
            found++;
        }
    return found;
}

static inline bool reference_length_less(slice a, const char *limit)
{
    while (a.len && a.ptr[0] == '0')
        a = slice_after(a, 1);
    return a.len < strlen(limit) || (a.len == strlen(limit) && memcmp(a.ptr, limit, a.len) <= 0);
}

static inline bool reference_framing(struct reference *r)
{
    slice value = { 0 }, host = { 0 };
    struct authority ignored;
    unsigned codings = reference_find(r, "transfer-encoding", &value);
    unsigned lengths = reference_find(r, "content-length", &r->length);
    unsigned hosts = reference_find(r, "host", &host);
    r->framing = codings ? H1_FRAMING_CHUNKED : lengths ? H1_FRAMING_LENGTH : H1_FRAMING_NONE;
    if (codings > 1 || (codings && (!reference_same(value, "chunked") || lengths || !r->is_1_1)))
        return false;
    for (unsigned i = 0; i < r->count; i++) {
        if (!reference_same(r->names[i], "content-length"))
            continue;
        slice a = r->values[i], b = r->length;
        if (a.len == 0 || !reference_all(a, reference_is_digit) ||
            !reference_length_less(a, "9223372036854775807") || !slice_equal(a, b))
            return false;
    }
    if (hosts > 1 || (hosts == 0 && r->is_1_1))
        return false;
    return hosts == 0 || authority_parse(host, &ignored) == 0;
}

/* Expect, and the lists of Connection. */
static inline bool reference_connection(struct reference *r)
{
    static const char *const own[] = {
        "connection", "keep-alive",     "proxy-connection", "te",    "trailer",
        "upgrade",    "http2-settings", "expect",           "proxy", "proxy-authorization"
    };
    static const char *const kept[] = { "host",
                                        "content-length",
                                        "content-type",
                                        "transfer-encoding",
                                        "authorization",
                                        "cookie",
                                        "location",
                                        "sec-websocket-accept",
                                        "sec-websocket-extensions",
                                        "sec-websocket-key",
                                        "sec-websocket-protocol",
                                        "sec-websocket-version",
                                        "set-cookie",
                                        "forwarded",
                                        "x-forwarded-for",
                                        "x-forwarded-host",
                                        "x-forwarded-port",
                                        "x-forwarded-proto",
                                        "x-real-ip",
                                        "x-request-id" };
    slice expect = { 0 };
    unsigned expects = reference_find(r, "expect", &expect), named = 0;
    bool closes = false, keeps = false;
    if (r->is_1_1 && expects && (expects > 1 || !reference_same(expect, "100-continue")))
        return false;
    for (unsigned i = 0; i < r->count; i++) {
        slice rest = r->values[i];
        while (reference_same(r->names[i], "connection") && rest.len) {
            size_t comma = slice_find_byte(rest, ',');
            slice name = slice_trim(slice_first(rest, comma));
            rest = slice_after(rest, comma + 1);
            if (name.len == 0)
                continue;
            if (!reference_is_name(name))
                return false;
            for (size_t k = 0; k < ARRAY_LENGTH(kept); k++)
                if (reference_same(name, kept[k]))
                    return false;
            bool close = reference_same(name, "close"), keep = reference_same(name, "keep-alive");
            closes |= close;
            keeps |= keep;
            named += !close && !keep;
            for (unsigned j = 0; j < r->count && !close && !keep; j++)
                r->dropped[j] |= slice_equal_fold(r->names[j], name);
        }
    }
    for (unsigned i = 0; i < r->count; i++)
        for (size_t k = 0; k < ARRAY_LENGTH(own); k++)
            r->dropped[i] |= reference_same(r->names[i], own[k]);
    r->keep_alive = !closes && (r->is_1_1 || keeps);
    return named <= 32;
}

/* Is the head one that h1_request_parse must accept? Limits and WebSocket handshakes are not
 * judged. */
static inline bool reference_reads(slice head, struct reference *r)
{
    slice lines[REFERENCE_LINES_MAX];
    unsigned count;
    *r = (struct reference){ 0 };
    if (!reference_split(head, lines, &count) || !reference_first_line(lines[0], r))
        return false;
    for (unsigned i = 1; i + 1 < count; i++)
        if (!reference_field(lines[i], r))
            return false;
    return reference_framing(r) && reference_connection(r);
}

/* What differs between the two readings of a head that both accept, or NULL. */
static inline const char *reference_difference(const struct reference *r,
                                               const struct h1_request *q)
{
    if (!slice_equal(r->method, q->method_text) || !slice_equal(r->target, q->target))
        return "request line";
    if (r->is_1_1 != (q->minor_version == 1) || r->keep_alive != q->keep_alive)
        return "persistence";
    if (r->framing != q->framing || r->count != q->fields.count)
        return "framing";
    uint64_t length = 0;
    for (size_t i = 0; r->framing == H1_FRAMING_LENGTH && i < r->length.len; i++)
        length = length * 10 + (uint64_t)(r->length.ptr[i] - '0');
    if (length != q->content_length)
        return "length";
    for (unsigned i = 0; i < r->count; i++) {
        const struct field *f = &q->fields.items[i];
        if (!slice_equal(r->names[i], f->name) || !slice_equal(r->values[i], f->value) ||
            r->dropped[i] != f->dropped)
            return "fields";
    }
    return NULL;
}
