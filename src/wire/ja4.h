/* JA4: a fingerprint of a TLS client, from what its ClientHello offers. Clients of one program in
 * one version have the same, whatever name, address or order of extensions they use:
 *
 *     t13d1516h2_8daaf6152771_e5627efa2ab1
 *     │││ │ │ │  │            └ extensions without server name and ALPN, sorted, and the signature
 *     │││ │ │ │  │              algorithms as sent: the first 12 digits of their SHA-256
 *     │││ │ │ │  └ cipher suites, sorted: likewise
 *     │││ │ │ └ first and last letter of the first protocol of ALPN; 00: none
 *     │││ │ └ number of extensions, at most 99 · before it that of cipher suites
 *     ││└ d: with a server name, i: without
 *     │└ the highest version that is offered
 *     └ t: TLS over TCP
 *
 * GREASE (RFC 8701) counts nowhere. It is a claim like User-Agent, harder to forge but not hard:
 * good for telling programs apart, not for proving who somebody is.
 *
 * The open specification "JA4: TLS Client Fingerprinting" (FoxIO), of which this is the TLS part
 * alone. */
#pragma once

#include "wire/client_hello.h"

#define JA4_BYTES 36u

/* A hello with more cipher suites has no fingerprint: no client has as many. */
#define JA4_CIPHER_SUITES_MAX 512u

/* Values that mean nothing and are sent so that servers keep ignoring what they do not know:
 * 0x0a0a, 0x1a1a … (RFC 8701 §2). */
static inline bool tls_value_is_grease(uint16_t value)
{
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

/* 0 · -E2BIG more than JA4_CIPHER_SUITES_MAX · -ENOMEM
 * Pure. What it writes is not NUL-terminated. */
MUST_CHECK int ja4_write(const struct client_hello *hello, char ret[static JA4_BYTES]);

/* Whether the text has the form of a JA4 fingerprint. */
bool ja4_is_valid(slice text);

/* What people write (wire/fingerprint.h): a whole fingerprint, or one or two parts of it and a star
 * for the rest: "t13d1516h2_8daaf6152771_*". */
bool ja4_pattern_is_valid(slice text);
