/* Which site a client's first message is for, and what is presented to it. */
#pragma once

#include "net/tls_server.h"

struct connection;

/* For tls_accept: `context` is the connection; the owner is the site. 0 · -EREMOTEIO */
int tls_choose(void *context, const struct client_hello *hello, struct tls_choice *choice);

/* The handshake of a new connection on a listener with TLS; what went wrong is counted and written
 * to the security log. True: plain bytes can be read from its socket. */
MAY_WAIT bool tls_secure(struct connection *c);
