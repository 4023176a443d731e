/* HMAC (RFC 2104) without objects: OpenSSL 3 makes one of HMAC, three of the hash and copies of
 * them for each of the short texts that a handshake of TLS 1.3 needs one of, at several times the
 * price of the hash itself.
 *
 * Of SHA-256 and SHA-384, which are the hashes of all cipher suites with AEAD; the library computes
 * them. Keys are wiped. */
#pragma once

#include <openssl/core.h>
#include <openssl/opensslv.h>

#include "base/slice.h"

/* Whether the library is one whose algorithms a provider of ours can stand in for. */
#if OPENSSL_VERSION_MAJOR == 3 && !defined(OPENSSL_NO_DEPRECATED_3_0)
#define TLS_HAS_OWN_ALGORITHMS 1
#else
#define TLS_HAS_OWN_ALGORITHMS 0
#endif

#if TLS_HAS_OWN_ALGORITHMS

#define HMAC_BYTES_MAX 48u

struct hmac_hash {
    const char *name, *other_name;
    size_t bytes, block_bytes;
    const struct hmac_functions *functions;
};

/* By OpenSSL's names. NULL: another one */
const struct hmac_hash *hmac_hash_find(const char *name);

/* Of texts one behind another; hash->bytes to `to`. `key` is not longer than a block. */
void hmac(const struct hmac_hash *hash, slice key, const slice *texts, size_t count, uint8_t *to);
/* Of no text at all, without a key. */
void hmac_hash_of_nothing(const struct hmac_hash *hash, uint8_t *to);

/* The algorithm HMAC for a provider, with this property definition, which must live as long as it:
 * keys of any length, whole texts or in pieces, contexts that can be copied. Another hash is
 * refused. To be called once. */
const OSSL_ALGORITHM *tls_hmac_algorithms(const char *definition);

#endif
