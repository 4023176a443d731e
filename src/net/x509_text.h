/* Certificates in words: for the texts of errors, the log and the fields that tell an origin who
 * the client is. What stands in a certificate may come from a stranger: everything written here is
 * printable ASCII, and nothing in it can end the word or the list that it stands in. */
#pragma once

#include <openssl/x509.h>

#include "base/writer.h"

/* "CN=a.test,O=Example" (RFC 4514, the most specific first); "(no name)" when it is empty. */
void x509_write_name(struct writer *w, const X509_NAME *name);

/* "DNS:a.test, IP:192.0.2.1, email:a@b.test, URI:spiffe://x": those of subjectAltName, at most
 * `max`; what does not fit becomes ", ...". Bytes outside of printable ASCII, commas and
 * backslashes are written as \XX. Nothing when there are none. */
void x509_write_alternatives(struct writer *w, const X509 *certificate, uint32_t max);

/* "2026-11-25T15:00:00Z"; "(no time)" when it is malformed. */
void x509_write_time(struct writer *w, const ASN1_TIME *time);

/* Hexadecimal, upper case, two digits a byte; a minus sign when it has one. */
void x509_write_serial(struct writer *w, const X509 *certificate);

#define SHA256_BYTES 32u

/* SHA-256 of the whole certificate, and of its key (SubjectPublicKeyInfo, RFC 7469 §2.4).
 * 0 · -ENOMEM */
MUST_CHECK int x509_fingerprint(const X509 *certificate, uint8_t ret[SHA256_BYTES]);
MUST_CHECK int x509_key_fingerprint(const X509 *certificate, uint8_t ret[SHA256_BYTES]);
