#include "wire/proxy_protocol.h"

#include <errno.h>

#include "base/number.h"
#include "wire/ipv6.h"

#define V1_BYTES_MAX 107u
#define V2_HEAD      16u
#define V2_TYPE_CRC  0x03

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";
static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

/* --- Version 1: a line of text ---------------------------------------------------------------- */

static int parse_v4(slice text, uint8_t ret[16])
{
    char mapped[32];
    struct writer w = writer_over(mapped, sizeof mapped);
    writer_literal(&w, "::ffff:");
    writer_slice_add(&w, text);
    return w.overflowed || slice_find_byte(text, ':') < text.len
               ? -EINVAL
               : ipv6_parse(writer_slice(&w), ret);
}

static slice next_word(slice *rest)
{
    size_t space = slice_find_byte(*rest, ' ');
    slice word = slice_first(*rest, space);
    *rest = slice_after(*rest, space + 1);
    return word;
}

static int parse_port(slice text, uint16_t *ret)
{
    uint64_t port;
    if (text.len > 5 || (text.len > 1 && text.ptr[0] == '0') ||
        number_parse(text, 65535, &port) != 0)
        return -EPROTO;
    *ret = (uint16_t)port;
    return 0;
}

static int parse_v1_line(slice line, struct proxy_addresses *a)
{
    slice rest = slice_after(line, 6); /* "PROXY " */
    slice family = next_word(&rest);
    if (slice_equal(family, SLICE("UNKNOWN"))) {
        a->is_local = true;
        return 0;
    }
    a->is_v4 = slice_equal(family, SLICE("TCP4"));
    if (!a->is_v4 && !slice_equal(family, SLICE("TCP6")))
        return -EPROTO;
    slice source = next_word(&rest), destination = next_word(&rest);
    if ((a->is_v4 ? parse_v4(source, a->source) : ipv6_parse(source, a->source)) != 0 ||
        (a->is_v4 ? parse_v4(destination, a->destination)
                  : ipv6_parse(destination, a->destination)) != 0)
        return -EPROTO;
    slice source_port = next_word(&rest);
    TRY(parse_port(source_port, &a->source_port));
    return parse_port(rest, &a->destination_port);
}

static int parse_v1(slice bytes, struct proxy_addresses *ret, size_t *ret_used)
{
    size_t end = slice_find(slice_first(bytes, V1_BYTES_MAX), SLICE("\r\n"));
    slice looked_at = slice_first(bytes, V1_BYTES_MAX);
    if (end == looked_at.len)
        return bytes.len >= V1_BYTES_MAX ? -EPROTO : -EAGAIN;
    TRY(parse_v1_line(slice_first(bytes, end), ret));
    *ret_used = end + 2;
    return 0;
}

/* --- Version 2: binary ------------------------------------------------------------------------ */

static unsigned big16(const char *p)
{
    return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

/* CRC32c (RFC 3720 §12.1) bit by bit: headers are short and this path is rare. */
static uint32_t crc32c_byte(uint32_t crc, unsigned char byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
    return crc;
}

/* The checksum is over the whole header with its own four bytes as zero. */
static bool checksum_is_right(slice header, size_t at)
{
    uint32_t crc = 0xffffffffu, said = 0;
    for (size_t i = 0; i < header.len; i++) {
        bool own = i >= at && i < at + 4;
        crc = crc32c_byte(crc, own ? 0 : (unsigned char)header.ptr[i]);
    }
    for (size_t i = 0; i < 4; i++)
        said = said << 8 | (unsigned char)header.ptr[at + i];
    return said == (crc ^ 0xffffffffu);
}

static int check_tlvs(slice header, size_t at)
{
    while (at < header.len) {
        if (header.len - at < 3)
            return -EPROTO;
        size_t length = big16(header.ptr + at + 1);
        if (length > header.len - at - 3)
            return -EPROTO;
        if (header.ptr[at] == V2_TYPE_CRC && (length != 4 || !checksum_is_right(header, at + 3)))
            return -EPROTO;
        at += 3 + length;
    }
    return 0;
}

static void take_v4(const char *p, uint8_t ret[16])
{
    memcpy(ret, mapped_prefix, sizeof mapped_prefix);
    memcpy(ret + 12, p, 4);
}

/* The addresses behind the 16 fixed bytes; how many bytes they take, or -EPROTO. */
static int take_addresses(slice header, unsigned family, struct proxy_addresses *a)
{
    const char *p = header.ptr + V2_HEAD;
    size_t room = header.len - V2_HEAD;
    if (family == 0x11 && room >= 12) {
        a->is_v4 = true;
        take_v4(p, a->source);
        take_v4(p + 4, a->destination);
        a->source_port = (uint16_t)big16(p + 8);
        a->destination_port = (uint16_t)big16(p + 10);
        return 12;
    }
    if (family == 0x21 && room >= 36) {
        memcpy(a->source, p, 16);
        memcpy(a->destination, p + 16, 16);
        a->source_port = (uint16_t)big16(p + 32);
        a->destination_port = (uint16_t)big16(p + 34);
        return 36;
    }
    return -EPROTO; /* datagrams and Unix sockets are not what clients of ours come by */
}

static int parse_v2(slice bytes, struct proxy_addresses *ret, size_t *ret_used)
{
    if (bytes.len < V2_HEAD)
        return -EAGAIN;
    unsigned version_command = (unsigned char)bytes.ptr[12];
    size_t length = big16(bytes.ptr + 14);
    if (version_command != 0x20 && version_command != 0x21)
        return -EPROTO;
    if (length > PROXY_HEADER_BYTES_MAX - V2_HEAD)
        return -EPROTO;
    if (bytes.len < V2_HEAD + length)
        return -EAGAIN;
    slice header = slice_first(bytes, V2_HEAD + length);
    *ret_used = header.len;
    if (version_command == 0x20) {
        ret->is_local = true;
        return 0;
    }
    int taken = take_addresses(header, (unsigned char)bytes.ptr[13], ret);
    return taken < 0 ? taken : check_tlvs(header, V2_HEAD + (size_t)taken);
}

/* Do the bytes begin as `wanted` does, as far as they go? */
static bool agrees(slice bytes, slice wanted)
{
    size_t common = bytes.len < wanted.len ? bytes.len : wanted.len;
    return memcmp(bytes.ptr, wanted.ptr, common) == 0;
}

int proxy_protocol_parse(slice bytes, struct proxy_addresses *ret, size_t *ret_used)
{
    slice signature = slice_of(v2_signature, sizeof v2_signature);
    struct proxy_addresses addresses = { 0 };
    int result = -EPROTO;
    if (bytes.len == 0)
        return -EAGAIN;
    if (agrees(bytes, signature))
        result = bytes.len < signature.len ? -EAGAIN : parse_v2(bytes, &addresses, ret_used);
    else if (agrees(bytes, SLICE("PROXY ")))
        result = bytes.len < 6 ? -EAGAIN : parse_v1(bytes, &addresses, ret_used);
    if (result == 0)
        *ret = addresses;
    return result;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static void write_v1_ip(struct writer *w, const uint8_t ip[16], bool is_v4)
{
    if (!is_v4) {
        ipv6_write(w, ip);
        return;
    }
    for (int i = 12; i < 16; i++) {
        if (i > 12)
            writer_byte(w, '.');
        writer_decimal(w, ip[i]);
    }
}

static bool both_v4(const struct proxy_addresses *a)
{
    return memcmp(a->source, mapped_prefix, sizeof mapped_prefix) == 0 &&
           memcmp(a->destination, mapped_prefix, sizeof mapped_prefix) == 0;
}

void proxy_protocol_write_v1(struct writer *w, const struct proxy_addresses *a)
{
    bool is_v4 = both_v4(a);
    if (a->is_local) {
        writer_literal(w, "PROXY UNKNOWN\r\n");
        return;
    }
    writer_text(w, is_v4 ? "PROXY TCP4 " : "PROXY TCP6 ");
    write_v1_ip(w, a->source, is_v4);
    writer_byte(w, ' ');
    write_v1_ip(w, a->destination, is_v4);
    writer_byte(w, ' ');
    writer_decimal(w, a->source_port);
    writer_byte(w, ' ');
    writer_decimal(w, a->destination_port);
    writer_literal(w, "\r\n");
}

static void write_big16(struct writer *w, unsigned value)
{
    writer_byte(w, (char)(value >> 8));
    writer_byte(w, (char)value);
}

void proxy_protocol_write_v2(struct writer *w, const struct proxy_addresses *a)
{
    bool is_v4 = both_v4(a);
    size_t from = is_v4 ? 12 : 0;
    writer_bytes(w, v2_signature, sizeof v2_signature);
    writer_byte(w, a->is_local ? 0x20 : 0x21);
    writer_byte(w, a->is_local ? 0 : is_v4 ? 0x11 : 0x21);
    if (a->is_local) {
        write_big16(w, 0);
        return;
    }
    write_big16(w, is_v4 ? 12 : 36);
    writer_bytes(w, a->source + from, 16 - from);
    writer_bytes(w, a->destination + from, 16 - from);
    write_big16(w, a->source_port);
    write_big16(w, a->destination_port);
}
