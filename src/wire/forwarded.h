/* What proxies in front said about the client: X-Forwarded-For, and Forwarded (RFC 7239). */
#pragma once

#include "base/slice.h"

/* Takes the last element of an X-Forwarded-For value off *rest. Elements come trimmed; a port
 * behind an IPv4 address or a bracketed IPv6 one is cut off, brackets too. False when nothing is
 * left. */
bool forwarded_for_last(slice *rest, slice *ret_element);

/* The for= nodes of a Forwarded value in order, each without quotes, brackets and port. An element
 * without for=, or with an obfuscated or unknown node, gives an empty slice, so that nobody reads
 * past it. When there are more than nodes_max only the last ones are kept.
 * returns how many */
uint32_t forwarded_nodes(slice value, slice *ret_nodes, uint32_t nodes_max);
