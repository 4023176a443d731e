/* The certificate that a client has shown in its TLS handshake: whether it convinces, and what it
 * says. A session that is resumed brings the certificate of the handshake in which it began, and
 * its verdict; dates are looked at each time. */
#pragma once

#include "proxy/exchange.h"

/* Of a certificate that convinced; slices in the exchange's arena. */
struct client_certificate {
    slice subject, issuer; /* "CN=a,O=b" (RFC 4514) */
    slice serial;          /* hexadecimal */
    slice alternatives;    /* "DNS:a.test, email:a@b.test"; may be empty */
    slice fingerprint;     /* SHA-256, hexadecimal, lower case */
    slice der;             /* ":base64:" (RFC 9440 §2.2) */
    const char *status;    /* for the log: "good", "unknown"; NULL: nobody was asked */
};

/* More than this is refused: it would not fit into fields. */
#define CLIENT_CERTIFICATE_BYTES_MAX 8192u

/* returns  0 it convinces; *ret is in the arena · -ENOENT none was shown, or the connection has no
 *          TLS · -EACCES it does not convince, *ret_why says why · -ENOMEM */
MUST_CHECK int client_certificate_read(struct exchange *x, struct client_certificate **ret,
                                       const char **ret_why);
