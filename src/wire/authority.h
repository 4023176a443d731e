/* The authority of a request: host and port (RFC 3986 §3.2, RFC 9110 §7.2). Pure. */
#pragma once

#include "base/writer.h"

/* A host and port, from Host, an absolute-form target or the configuration. */
struct authority {
    slice host;   /* as written, IPv6 literals without their brackets */
    bool is_ipv6; /* was a bracketed literal */
    bool is_ipv4; /* a dotted quad */
    bool has_port;
    uint16_t port; /* 1..65535 when has_port */
};

#define HOST_BYTES_MAX 255u

/* RFC 3986 §3.2.2 host and §3.2.3 port. Registered names: letters, digits, '-', '.', '_'; labels of
 * at most 63 bytes, not empty; one trailing dot allowed and removed from ret->host. No userinfo, no
 * percent escapes, no zone id, no empty port ("host:"), no IPvFuture.
 * returns 0 · -EINVAL */
MUST_CHECK int authority_parse(slice text, struct authority *ret);

/* No public certificate authority issues for it, and no public name server knows it: an IP address,
 * a single label, or a name at or below localhost (RFC 6761), test (RFC 6761), internal (ICANN,
 * 2024), home.arpa (RFC 8375) or local (RFC 6762). `host` is canonical; a leading "*." is passed
 * over. */
bool authority_is_local(slice host);

/* Writes host in its canonical form: lower case, IPv6 in RFC 5952 form, without brackets, dot or
 * port. */
void authority_write_host(struct writer *w, const struct authority *a);
