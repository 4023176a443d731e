/* The text form of IPv6 addresses (RFC 4291 §2.2, RFC 5952), without brackets, zone or prefix. */
#pragma once

#include "base/writer.h"

/* 0 · -EINVAL */
MUST_CHECK int ipv6_parse(slice text, uint8_t ret[16]);

/* Lower case; the longest run of two or more zero groups, the first of equals, as "::". An address
 * that maps an IPv4 one is written like any other. */
void ipv6_write(struct writer *w, const uint8_t bytes[16]);
