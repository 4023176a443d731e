#include "base/writer.h"

#include <stdarg.h>
#include <stdio.h>

void writer_text(struct writer *w, const char *text)
{
    writer_bytes(w, text, strlen(text));
}

/* Two digits at a time: half the divisions. */
static const char two_digits[] =
    "00010203040506070809101112131415161718192021222324252627282930313233"
    "34353637383940414243444546474849505152535455565758596061626364656667"
    "6869707172737475767778798081828384858687888990919293949596979899";

static size_t count_digits(uint64_t value)
{
    size_t count = 1;
    for (; value >= 100; value /= 100)
        count += 2;
    return count + (value >= 10);
}

/* In its place at once: digits that are copied as soon as they are written cost more than all of
 * the divisions, for the copy waits until they have left the processor's write buffer. */
void writer_decimal(struct writer *w, uint64_t value)
{
    size_t at = count_digits(value);
    char *digits = writer_room(w, at);
    if (!digits)
        return;
    writer_advance(w, at);
    for (; value >= 100; value /= 100)
        memcpy(digits + (at -= 2), two_digits + 2 * (value % 100), 2);
    if (value >= 10)
        memcpy(digits, two_digits + 2 * value, 2);
    else
        digits[0] = (char)('0' + value);
}

static const char hex_digits[] = "0123456789abcdef";

void writer_hex(struct writer *w, uint64_t value)
{
    char digits[16];
    size_t at = sizeof digits;
    do {
        digits[--at] = hex_digits[value & 15];
        value >>= 4;
    } while (value);
    writer_bytes(w, digits + at, sizeof digits - at);
}

void writer_hex_bytes(struct writer *w, const void *bytes, size_t count)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < count; i++) {
        char pair[2] = { hex_digits[byte[i] >> 4], hex_digits[byte[i] & 15] };
        writer_bytes(w, pair, 2);
    }
}

void writer_percent(struct writer *w, unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    char escape[3] = { '%', digits[byte >> 4], digits[byte & 15] };
    writer_bytes(w, escape, sizeof escape);
}

void writer_format(struct writer *w, const char *format, ...)
{
    if (w->overflowed)
        return;
    size_t room = w->capacity - w->len;
    va_list arguments;
    va_start(arguments, format);
    /* vsnprintf wants a byte for its NUL, so exactly filling the writer counts as overflow */
    int length = vsnprintf(w->ptr + w->len, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        w->overflowed = true;
        return;
    }
    w->len += (size_t)length;
}

void writer_seconds_us(struct writer *w, int64_t microseconds)
{
    uint64_t us = microseconds > 0 ? (uint64_t)microseconds : 0;
    uint64_t rest = us % 1000000;
    size_t at = sizeof ".000000" - 1;
    writer_decimal(w, us / 1000000);
    char *fraction = writer_room(w, at);
    if (!fraction)
        return;
    writer_advance(w, at);
    fraction[0] = '.';
    for (; at > 1; rest /= 100)
        memcpy(fraction + (at -= 2), two_digits + 2 * (rest % 100), 2);
}

/* Length of the valid UTF-8 sequence at the front of s (RFC 3629), or 0. */
static size_t utf8_sequence(slice s)
{
    const unsigned char *b = (const unsigned char *)s.ptr;
    size_t need;
    unsigned low = 0x80, high = 0xbf;
    if (b[0] >= 0xc2 && b[0] <= 0xdf) {
        need = 2;
    } else if (b[0] >= 0xe0 && b[0] <= 0xef) {
        need = 3;
        if (b[0] == 0xe0)
            low = 0xa0; /* overlong */
        if (b[0] == 0xed)
            high = 0x9f; /* surrogates */
    } else if (b[0] >= 0xf0 && b[0] <= 0xf4) {
        need = 4;
        if (b[0] == 0xf0)
            low = 0x90;
        if (b[0] == 0xf4)
            high = 0x8f;
    } else {
        return 0;
    }
    if (s.len < need || b[1] < low || b[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if (b[i] < 0x80 || b[i] > 0xbf)
            return 0;
    return need;
}

static void json_escape(struct writer *w, unsigned char c)
{
    switch (c) {
    case '"':
        writer_literal(w, "\\\"");
        return;
    case '\\':
        writer_literal(w, "\\\\");
        return;
    case '\n':
        writer_literal(w, "\\n");
        return;
    case '\r':
        writer_literal(w, "\\r");
        return;
    case '\t':
        writer_literal(w, "\\t");
        return;
    default:
        writer_literal(w, "\\u00");
        writer_hex_bytes(w, &c, 1);
    }
}

/* Eight at a time, from the high bits of one word: `below` marks bytes under 0x20, `same` those
 * that are zero after the XOR; a borrow can only mark bytes behind the first marked one. */
size_t json_plain(slice s)
{
    static const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    size_t at = 0;
    for (; at + 8 <= s.len; at += 8) {
        uint64_t x;
        memcpy(&x, s.ptr + at, sizeof x);
        uint64_t quote = x ^ ones * '"', backslash = x ^ ones * '\\', rubout = x ^ ones * 0x7f;
        uint64_t below = x - ones * 0x20;
        uint64_t same = (quote - ones) | (backslash - ones) | (rubout - ones);
        if ((x | below | same) & highs)
            break;
    }
    for (; at < s.len; at++) {
        unsigned char c = (unsigned char)s.ptr[at];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            break;
    }
    return at;
}

void writer_json(struct writer *w, slice s)
{
    size_t plain = json_plain(s); /* bytes that go out as they are */
    while (plain < s.len) {
        unsigned char c = (unsigned char)s.ptr[plain];
        size_t sequence = c >= 0x80 ? utf8_sequence(slice_after(s, plain)) : 0;
        if (sequence) {
            plain += sequence;
        } else {
            writer_bytes(w, s.ptr, plain);
            json_escape(w, c);
            s = slice_after(s, plain + 1);
            plain = 0;
        }
        plain += json_plain(slice_after(s, plain));
    }
    writer_bytes(w, s.ptr, plain);
}

void writer_html(struct writer *w, slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        switch (s.ptr[i]) {
        case '&':
            writer_literal(w, "&amp;");
            break;
        case '<':
            writer_literal(w, "&lt;");
            break;
        case '>':
            writer_literal(w, "&gt;");
            break;
        case '"':
            writer_literal(w, "&quot;");
            break;
        case '\'':
            writer_literal(w, "&#39;");
            break;
        default:
            writer_byte(w, s.ptr[i]);
        }
    }
}
