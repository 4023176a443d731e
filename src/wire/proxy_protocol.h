/* The PROXY protocol, versions 1 and 2: the header in front of a connection that says who the
 * client of the proxy before us is. */
#pragma once

#include "base/writer.h"

/* Version 1 has at most 107 bytes; of version 2 we write addresses only, and take at most this
 * much. */
#define PROXY_HEADER_BYTES_MAX 536u

struct proxy_addresses {
    bool is_local; /* LOCAL or UNKNOWN: the proxy speaks for itself; nothing else is set */
    bool is_v4;    /* both addresses are IPv4 (in their mapped form below) */
    uint8_t source[16], destination[16];
    uint16_t source_port, destination_port;
};

/* Parses a header at the front of the bytes. TLVs of version 2 are passed over; a CRC32c among them
 * is checked.
 * returns 0, *ret_used bytes · -EAGAIN needs more · -EPROTO no header, or a malformed one */
MUST_CHECK int proxy_protocol_parse(slice bytes, struct proxy_addresses *ret, size_t *ret_used);

void proxy_protocol_write_v1(struct writer *w, const struct proxy_addresses *a);
void proxy_protocol_write_v2(struct writer *w, const struct proxy_addresses *a);
