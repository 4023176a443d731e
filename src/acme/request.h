/* The certificates that the client makes or judges: the request for the CA (PKCS #10), the proof
 * for TLS-ALPN-01, and what the CA sent. The private key only signs; it may be elsewhere. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/writer.h"

/* A signed request for the names, DER. 0 · -ENOMEM · -EIO the key did not sign. *ret is freed with
 * OPENSSL_free. */
MAY_WAIT int request_make(EVP_PKEY *key, const slice *names, uint32_t count, bool must_staple,
                          unsigned char **ret, size_t *ret_bytes);

/* RFC 8737 §3: a self-signed certificate for the domain with the SHA-256 of the key authorisation
 * in acmeIdentifier, DER. The same results. */
MAY_WAIT int request_make_proof(EVP_PKEY *key, slice domain, slice key_authorization,
                                unsigned char **ret, size_t *ret_bytes);

/* The leaf of a PEM chain; NULL: there is none. The caller's to free. */
X509 *request_read_leaf(slice chain_pem);
/* 0 · -EINVAL, *ret_why says what is wrong: no certificate, another key, a name is missing, not in
 * time. */
MUST_CHECK int request_judge_chain(slice chain_pem, EVP_PKEY *key, const slice *names,
                                   uint32_t count, const char **ret_why);
/* All names stand in the certificate, wildcards as they are written. */
bool request_covers(X509 *leaf, const slice *names, uint32_t count);
/* Some certificate of the chain was issued by that common name. */
bool request_chain_has_issuer(slice chain_pem, slice issuer);
