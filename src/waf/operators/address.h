/* Addresses as text, and sets of networks. An IPv6 address that stands for an IPv4 one
 * (::ffff:192.0.2.1) is that. */
#pragma once

#include "base/slice.h"

/* Big-endian; an IPv4 address is ::ffff:a.b.c.d. */
struct address {
    unsigned char bytes[16];
};

/* 0 · -EINVAL */
MUST_CHECK int ip_address_parse(slice text, struct address *ret_address);

bool address_is_ipv4(const struct address *a);

/* First and last address of a network, both in it. */
struct address_range {
    struct address first, last;
};

/* An address, or an address and its prefix length: "192.0.2.0/24", "2001:db8::/32". Bits behind the
 * prefix do not count. 0 · -EINVAL */
MUST_CHECK int address_range_parse(slice text, struct address_range *ret_range);
