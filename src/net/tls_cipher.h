/* AES-GCM as the library computes it, without what OpenSSL 3.0 and 3.1 do around it: they ask the
 * algorithm for the length of its IV three times for every record, each time by a name that is
 * compared with those of all its parameters.
 *
 * It is the default provider's own algorithm under our property, but that it knows the length: 12
 * bytes, always, as TLS has it. Any other one is refused. */
#pragma once

#include <openssl/core.h>

/* The algorithms for a provider in the default library context whose own is library_context(), with
 * this property definition, which must live as long as they. Of what the library does not have as
 * expected there is none. To be called once: what it finds is kept until the process ends. */
const OSSL_ALGORITHM *tls_cipher_algorithms(const char *definition);
