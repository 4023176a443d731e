#include <errno.h>

#include "base/number.h"
#include "wire/authority.h"
#include "wire/bytes.h"
#include "wire/ipv6.h"

#define LABEL_BYTES_MAX 63u

static bool is_ipv4(slice host)
{
    unsigned parts = 0;
    slice rest = host;
    for (;;) {
        size_t dot = slice_find_byte(rest, '.');
        slice part = slice_first(rest, dot);
        uint64_t value;
        if (part.len == 0 || part.len > 3 || number_parse(part, 255, &value) != 0 ||
            (part.len > 1 && part.ptr[0] == '0'))
            return false;
        parts++;
        if (dot == rest.len)
            return parts == 4;
        rest = slice_after(rest, dot + 1);
    }
}

/* Is the last label a number, decimal or hexadecimal? Then the host must be an IPv4 address:
 * "1.2.3", "0x7f000001" and "127.0.0.0x1" are read as addresses by some and as names by others. */
static bool ends_in_number(slice host)
{
    size_t at = host.len;
    while (at > 0 && host.ptr[at - 1] != '.')
        at--;
    slice last = slice_after(host, at);
    bool hexadecimal = last.len >= 2 && last.ptr[0] == '0' && ascii_lower(last.ptr[1]) == 'x';
    return hexadecimal ? bytes_are(slice_after(last, 2), BYTE_HEX)
                       : last.len > 0 && bytes_are(last, BYTE_DIGIT);
}

static int check_name(slice host)
{
    slice rest = host;
    if (host.len == 0 || host.len > HOST_BYTES_MAX)
        return -EINVAL;
    while (rest.len || rest.ptr == host.ptr + host.len) {
        size_t dot = slice_find_byte(rest, '.');
        slice label = slice_first(rest, dot);
        if (label.len == 0 || label.len > LABEL_BYTES_MAX)
            return -EINVAL;
        for (size_t i = 0; i < label.len; i++) {
            char c = ascii_lower(label.ptr[i]);
            if (!(c >= 'a' && c <= 'z') && !byte_is(c, BYTE_DIGIT) && c != '-' && c != '_')
                return -EINVAL;
        }
        if (dot == rest.len)
            return 0;
        rest = slice_after(rest, dot + 1);
    }
    return -EINVAL;
}

static int parse_host(slice host, struct authority *a)
{
    if (host.len && host.ptr[host.len - 1] == '.')
        host.len--;
    a->host = host;
    a->is_ipv4 = is_ipv4(host);
    if (a->is_ipv4)
        return 0;
    return ends_in_number(host) ? -EINVAL : check_name(host);
}

static int parse_port(slice text, struct authority *a)
{
    uint64_t port;
    if (text.len > 5 || number_parse(text, 65535, &port) != 0 || port == 0)
        return -EINVAL;
    a->has_port = true;
    a->port = (uint16_t)port;
    return 0;
}

static int parse_bracketed(slice text, struct authority *a)
{
    uint8_t ignored[16];
    size_t end = slice_find_byte(text, ']');
    if (end == text.len)
        return -EINVAL;
    a->host = slice_of(text.ptr + 1, end - 1);
    a->is_ipv6 = true;
    TRY(ipv6_parse(a->host, ignored));
    slice rest = slice_after(text, end + 1);
    if (rest.len == 0)
        return 0;
    return rest.ptr[0] == ':' ? parse_port(slice_after(rest, 1), a) : -EINVAL;
}

int authority_parse(slice text, struct authority *ret)
{
    struct authority a = { 0 };
    if (text.len == 0)
        return -EINVAL;
    if (text.ptr[0] == '[') {
        TRY(parse_bracketed(text, &a));
    } else {
        size_t colon = slice_find_byte(text, ':');
        TRY(parse_host(slice_first(text, colon), &a));
        if (colon < text.len)
            TRY(parse_port(slice_after(text, colon + 1), &a));
    }
    *ret = a;
    return 0;
}

void authority_write_host(struct writer *w, const struct authority *a)
{
    uint8_t bytes[16];
    if (a->is_ipv6 && ipv6_parse(a->host, bytes) == 0) {
        ipv6_write(w, bytes);
        return;
    }
    for (size_t i = 0; i < a->host.len; i++)
        writer_byte(w, ascii_lower(a->host.ptr[i]));
}

bool authority_is_local(slice host)
{
    static const slice suffixes[] = { SLICE(".localhost"), SLICE(".test"), SLICE(".internal"),
                                      SLICE(".home.arpa"), SLICE(".local") };
    if (slice_starts_with(host, SLICE("*.")))
        host = slice_after(host, 2);
    if (slice_find_byte(host, '.') == host.len || slice_find_byte(host, ':') < host.len ||
        is_ipv4(host))
        return host.len > 0;
    if (slice_equal(host, SLICE("home.arpa")))
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++)
        if (slice_ends_with(host, suffixes[i]))
            return true;
    return false;
}
