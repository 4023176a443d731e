/* Whether a client's certificate is still good: what its issuer says (OCSP, RFC 6960). Asked for by
 * the certifier, whose answers are in shared memory for all workers (shared/statuses.h). The first
 * request with a certificate waits for the answer, a bounded time; later ones find it there, and
 * while it counts nobody waits for the next one. */
#pragma once

#include "proxy/auth_settings.h"
#include "proxy/exchange.h"

enum client_status { CLIENT_STATUS_GOOD, CLIENT_STATUS_REVOKED, CLIENT_STATUS_UNKNOWN };

/* Of the certificate of the handshake, which has convinced otherwise. *ret_why: a text for the log,
 * in the exchange's arena; of a good one it is not set. 0 · -ECANCELED · -ENOMEM */
MAY_WAIT int client_status_find(struct exchange *x, const struct auth_settings *a,
                                enum client_status *ret, const char **ret_why);
