/* Who the client is, and what the origin is told about it.
 *
 * A peer inside `trust proxies` is believed: X-Forwarded-For (or, without it, Forwarded) is read
 * from the right, past every trusted address, to the first that is not; that one is the client.
 * From anybody else these fields are a forgery and are dropped. The origin gets a fresh set:
 * X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, Forwarded (RFC 7239), X-Real-IP and
 * X-Request-ID. */
#pragma once

#include "proxy/exchange.h"

/* Sets client, client_port, scheme, request_id and forwarded_for of x. 0 · -ENOMEM */
MUST_CHECK int identify_client(struct exchange *x);

/* Replaces the forwarding fields in x->request.fields. 0 · -ENOMEM */
MUST_CHECK int forwarding_apply(struct exchange *x);
