/* What proxies in front said about the client: X-Forwarded-For, and Forwarded (RFC 7239). */
#pragma once

#include "base/slice.h"

/* Takes the last element of an X-Forwarded-For value off *rest. Elements come trimmed; a port
 * behind an IPv4 address or a bracketed IPv6 one is cut off, brackets too. False when nothing is
 * left. */
bool forwarded_for_last(slice *rest, slice *ret_element);

/* What one proxy said in its element of Forwarded: without quotes; empty when it did not say. */
struct forwarded_element {
    slice node;  /* for=, without brackets and port */
    slice proto; /* proto= */
};

/* The elements of a Forwarded value in order. One without for=, or with an obfuscated or unknown
 * node, is there all the same, so that nobody reads past it. When there are more than elements_max
 * only the last ones are kept.
 * returns how many */
uint32_t forwarded_elements(slice value, struct forwarded_element *ret, uint32_t elements_max);
