/* What a client sees when an exchange is refused or its origin fails: a status, a short page (HTML,
 * or JSON when the client prefers it) with the request id, and nothing about the inside. */
#pragma once

#include "proxy/exchange.h"

/* Turns a stage's result into x->failure when nobody has said more. */
void failure_note_result(struct exchange *x, int result);

/* Sends the page for x->failure.status. 0 · -errno */
MAY_WAIT int refusal_deliver(struct exchange *x);

/* A complete minimal response for a connection that gets no exchange (limits, no memory): written
 * without waiting, Connection: close. */
void refusal_write_bare(struct socket *s, uint16_t status);

/* "client", "upstream", "ours", "policy"; "-" for none. */
const char *fault_name(enum fault whose);
