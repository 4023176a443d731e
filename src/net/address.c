#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>

#include "base/number.h"
#include "wire/ipv6.h"

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

bool ip_is_v4(struct ip ip)
{
    return memcmp(ip.bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

bool ip_is_none(struct ip ip)
{
    return ip_equal(ip, (struct ip){ 0 });
}

bool ip_equal(struct ip a, struct ip b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

int ip_parse(slice text, struct ip *ret)
{
    char copy[INET6_ADDRSTRLEN + 1];
    if (text.len == 0 || text.len >= sizeof copy)
        return -EINVAL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    struct ip ip;
    if (slice_find_byte(text, ':') == text.len) {
        memcpy(ip.bytes, mapped_prefix, sizeof mapped_prefix);
        if (inet_pton(AF_INET, copy, ip.bytes + 12) != 1)
            return -EINVAL;
    } else if (inet_pton(AF_INET6, copy, ip.bytes) != 1) {
        return -EINVAL;
    }
    *ret = ip;
    return 0;
}

/* Written several times per exchange, so without the detour over a general number. */
static char *put_v4(char *to, const uint8_t bytes[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned value = bytes[i];
        if (i)
            *to++ = '.';
        if (value >= 100)
            *to++ = (char)('0' + value / 100);
        if (value >= 10)
            *to++ = (char)('0' + value / 10 % 10);
        *to++ = (char)('0' + value % 10);
    }
    return to;
}

/* In its place at once where it surely fits, as writer_decimal() does. */
static void write_v4(struct writer *w, const uint8_t bytes[4])
{
    char text[INET_ADDRSTRLEN], *end = w->ptr + w->len;
    if (!w->overflowed && w->capacity - w->len >= sizeof text)
        writer_advance(w, (size_t)(put_v4(end, bytes) - end));
    else
        writer_bytes(w, text, (size_t)(put_v4(text, bytes) - text));
}

/* RFC 5952: lower case, the longest run of two or more zero groups (the first of equals) as "::".
 */
void ip_write(struct writer *w, struct ip ip)
{
    if (ip_is_v4(ip)) {
        write_v4(w, ip.bytes + 12);
        return;
    }
    ipv6_write(w, ip.bytes);
}

static int parse_port(slice text, uint16_t *ret)
{
    uint64_t port;
    if (number_parse(text, 65535, &port) != 0)
        return -EINVAL;
    *ret = (uint16_t)port;
    return 0;
}

static int parse_unix(slice path, struct address *ret)
{
    if (path.len == 0 || path.len >= sizeof ret->local.sun_path || path.ptr[0] != '/')
        return -EINVAL;
    *ret = (struct address){ .local = { .sun_family = AF_UNIX } };
    memcpy(ret->local.sun_path, path.ptr, path.len);
    ret->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    return 0;
}

int address_parse(slice text, struct address *ret)
{
    if (slice_starts_with(text, SLICE("unix:")))
        return parse_unix(slice_after(text, 5), ret);
    slice host, port;
    if (text.len && text.ptr[0] == '[') {
        size_t end = slice_find(text, SLICE("]:"));
        if (end == text.len)
            return -EINVAL;
        host = slice_of(text.ptr + 1, end - 1);
        port = slice_after(text, end + 2);
        if (slice_find_byte(host, ':') == host.len)
            return -EINVAL;
    } else {
        size_t colon = slice_find_byte(text, ':');
        host = slice_first(text, colon);
        port = slice_after(text, colon + 1);
        if (colon >= text.len)
            return -EINVAL;
    }
    struct ip ip;
    uint16_t number;
    TRY(ip_parse(host, &ip));
    TRY(parse_port(port, &number));
    address_from_ip(ip, number, ret);
    return 0;
}

void address_from_ip(struct ip ip, uint16_t port, struct address *ret)
{
    *ret = (struct address){ 0 };
    if (ip_is_v4(ip)) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(port);
        memcpy(&ret->v4.sin_addr, ip.bytes + 12, 4);
        ret->length = sizeof ret->v4;
        return;
    }
    ret->v6.sin6_family = AF_INET6;
    ret->v6.sin6_port = htons(port);
    memcpy(&ret->v6.sin6_addr, ip.bytes, 16);
    ret->length = sizeof ret->v6;
}

struct ip address_ip(const struct address *a)
{
    struct ip ip = { 0 };
    if (a->any.sa_family == AF_INET) {
        memcpy(ip.bytes, mapped_prefix, sizeof mapped_prefix);
        memcpy(ip.bytes + 12, &a->v4.sin_addr, 4);
    } else if (a->any.sa_family == AF_INET6) {
        memcpy(ip.bytes, &a->v6.sin6_addr, 16);
    }
    return ip;
}

uint16_t address_port(const struct address *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohs(a->v4.sin_port);
    return a->any.sa_family == AF_INET6 ? ntohs(a->v6.sin6_port) : 0;
}

void address_write(struct writer *w, const struct address *a)
{
    if (a->any.sa_family == AF_UNIX) {
        writer_literal(w, "unix:");
        writer_bytes(w, a->local.sun_path, strnlen(a->local.sun_path, sizeof a->local.sun_path));
        return;
    }
    struct ip ip = address_ip(a);
    bool bracketed = a->any.sa_family == AF_INET6;
    if (bracketed)
        writer_byte(w, '[');
    ip_write(w, ip);
    if (bracketed)
        writer_byte(w, ']');
    writer_byte(w, ':');
    writer_decimal(w, address_port(a));
}

bool address_equal(const struct address *a, const struct address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_UNIX)
        return strncmp(a->local.sun_path, b->local.sun_path, sizeof a->local.sun_path) == 0;
    return address_port(a) == address_port(b) && ip_equal(address_ip(a), address_ip(b));
}

static struct ip masked(struct ip ip, unsigned prefix)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned bits = prefix > i * 8 ? prefix - i * 8 : 0;
        if (bits < 8)
            ip.bytes[i] &= (uint8_t)(0xff00u >> bits);
    }
    return ip;
}

int ip_network_parse(slice text, struct ip_network *ret)
{
    size_t slash = slice_find_byte(text, '/');
    struct ip_network n = { .prefix = 128 };
    TRY(ip_parse(slice_first(text, slash), &n.base));
    if (slash < text.len) {
        uint64_t prefix,
            bits = ip_is_v4(n.base) && slice_find_byte(text, ':') == text.len ? 32 : 128;
        if (number_parse(slice_after(text, slash + 1), bits, &prefix) != 0)
            return -EINVAL;
        n.prefix = (uint8_t)(128 - bits + prefix);
    }
    if (!ip_equal(masked(n.base, n.prefix), n.base))
        return -EDOM;
    *ret = n;
    return 0;
}

bool ip_network_contains(const struct ip_network *n, struct ip ip)
{
    return ip_equal(masked(ip, n->prefix), n->base);
}

void ip_network_write(struct writer *w, const struct ip_network *n)
{
    bool v4 = ip_is_v4(n->base) && n->prefix >= 96;
    ip_write(w, n->base);
    writer_byte(w, '/');
    writer_decimal(w, v4 ? n->prefix - 96u : n->prefix);
}

struct ip ip_client_key(struct ip ip)
{
    return ip_is_v4(ip) ? ip : masked(ip, 64);
}
