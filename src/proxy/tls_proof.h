/* TLS-ALPN-01 (RFC 8737): the certifier's proofs, shown to whoever offers the protocol acme-tls/1
 * and nothing else. The connection ends with the handshake. */
#pragma once

#include "proxy/configuration.h"
#include "wire/client_hello.h"

/* It is a question for a proof; only then the others are called. */
bool tls_proof_is_wanted(const struct client_hello *hello);
/* The certificate, protocol and session context for the name in `choice`. 0 · -ENOENT there is no
 * proof for it · -ENOMEM */
MUST_CHECK int tls_proof_choose(const struct site *site, struct tls_choice *choice);
/* The handshake was for a proof. */
bool tls_proof_was_shown(const struct tls_facts *facts);
