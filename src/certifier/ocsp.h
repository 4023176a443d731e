/* The Online Certificate Status Protocol (RFC 6960), from the side of a server that staples: what
 * to ask of whom, and whether an answer may be stapled. Fetching is somebody else's. */
#pragma once

#include <openssl/x509.h>

#include "base/slice.h"

#define OCSP_URL_MAX      1024u
#define OCSP_RESPONSE_MAX 65536u /* bytes; usual ones have 500 to 2,500 */

/* The responder of the leaf (Authority Information Access, RFC 5280 §4.2.2.1), plain HTTP.
 * 0 · -ENOENT the certificate names none · -EPROTONOSUPPORT it is not http:// */
MUST_CHECK int ocsp_url(X509 *leaf, char *to, size_t room);

/* A request for the status of the leaf, DER, without nonce: answers come from caches (RFC 5019).
 * *ret is freed with OPENSSL_free. 0 · -ENOMEM */
MUST_CHECK int ocsp_request(X509 *leaf, X509 *issuer, unsigned char **ret, size_t *ret_bytes);

enum ocsp_status { OCSP_IS_GOOD, OCSP_IS_REVOKED, OCSP_IS_UNKNOWN };

struct ocsp_verdict {
    enum ocsp_status status;
    int64_t this_update_s, next_update_s; /* seconds of the epoch */
    int64_t revoked_s;                    /* when OCSP_IS_REVOKED */
    const char *reason;                   /* the same; "keyCompromise", NULL: not said */
};

/* Judges a response: that it is one, signed by the issuer or by whom the issuer lets sign, about
 * this leaf, and in time. 0, also for a revoked one · -EINVAL *ret_why says what is wrong, a static
 * text · -ENOMEM */
MUST_CHECK int ocsp_judge(slice response, X509 *leaf, X509 *issuer, int64_t now_s,
                          struct ocsp_verdict *ret, const char **ret_why);

/* When to ask again: at half of its life. One that is older (a cache has answered) is left alone
 * for five minutes, but not beyond half of what is left of it, nor for less than ten seconds. */
int64_t ocsp_refresh_s(const struct ocsp_verdict *v, int64_t now_s);

/* After so many failures in a row: a minute, doubled up to an hour; what is still stapled is
 * refreshed well before it ends. Seconds from now. */
int64_t ocsp_back_off_s(uint32_t failures);
