/* X25519 (RFC 7748) as the library computes it, but for the public half of a new key: OpenSSL 3
 * takes longer for it than for the exchange itself, in code that is written for every machine;
 * libsodium's takes two thirds of that. A key's private half is 32 bytes of
 * base/random.h, clamped (RFC 7748 §5), and lives in the library's own object, as if it had been
 * imported. */
#pragma once

#include <openssl/core.h>

/* NULL, both: the library does not have them as expected. */
struct tls_exchange {
    const OSSL_ALGORITHM *keys, *exchanges; /* of OSSL_OP_KEYMGMT and OSSL_OP_KEYEXCH */
};

/* The algorithms for a provider in the default library context whose own is library_context(), with
 * this property definition, which must live as long as they. To be called once, before any fork. */
struct tls_exchange tls_exchange_algorithms(const char *definition);

/* What the provider says of itself (provider-base(7)): of TLS-GROUP what the library says of this
 * group, which it takes from nobody but the provider that has the keys; else nothing. */
int tls_exchange_capabilities(void *provider, const char *capability, OSSL_CALLBACK *callback,
                              void *argument);
