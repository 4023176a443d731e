/* When a certificate is renewed, and when what failed is tried again. Pure: moments in, moments
 * out. All moments are milliseconds since 1970. */
#pragma once

#include <jansson.h>
#include <openssl/x509.h>

#include "base/writer.h"

#define RENEWAL_ID_MAX 128u

/* What the CA suggests (RFC 9773 §4.2). */
struct renewal_window {
    int64_t start_ms, end_ms; /* 0: none is known */
};

/* The certificate's name at the CA's renewalInfo (RFC 9773 §4.1): base64url of the authority key's
 * identifier, '.', base64url of the serial number. 0 · -ENOENT it has no such identifier */
MUST_CHECK int renewal_id(X509 *leaf, struct writer *w);

/* From a renewalInfo answer. 0 · -EPROTO no such window, or its end is not behind its start */
MUST_CHECK int renewal_take_window(const json_t *answer, struct renewal_window *ret);

/* "2026-11-25T12:00:00Z", with a fraction or an offset too (RFC 3339). 0 · -EPROTO */
MUST_CHECK int renewal_parse_time(slice text, int64_t *ret_ms);

/* Without a window: at two thirds of the lifetime, up to a twentieth of it earlier. `chance`: any
 * number, the same gives the same. */
int64_t renewal_by_lifetime(int64_t not_before_ms, int64_t not_after_ms, uint64_t chance);
/* A moment inside the window, but never so late that less than a twelfth of the lifetime is left
 * (RFC 9773 §4.2: "a uniform random time within the suggested window"). */
int64_t renewal_by_window(const struct renewal_window *window, int64_t not_before_ms,
                          int64_t not_after_ms, uint64_t chance);

/* Notbefore and notafter of a certificate. 0 · -EPROTO */
MUST_CHECK int renewal_lifetime(const X509 *leaf, int64_t *ret_not_before_ms,
                                int64_t *ret_not_after_ms);

#define RENEWAL_BACK_OFF_MIN_MS (60 * 1000ll)
#define RENEWAL_BACK_OFF_MAX_MS (24 * 3600 * 1000ll)

/* How long to wait after the failures-th failure in a row (1 is the first): doubled each time up to
 * a day, a fifth more or less by chance, and never shorter than what the CA asks for.
 * retry_after_s: -1 not said. is_limited: the CA said rateLimited; at least an hour then. */
int64_t renewal_back_off(uint32_t failures, int64_t retry_after_s, bool is_limited,
                         uint64_t chance);
