/* The request body on its way to the origin, under `limits body`, `limits body-rate` and the
 * timeouts `idle` and `send`. A body that is refused half-way is never finished for the origin: its
 * connection is cut. */
#pragma once

#include "proxy/exchange.h"

/* Sends the request head, which stands ready in x->to_origin, with what has arrived of the body;
 * goes on in a child fiber when more must come. 0 · -EREFUSED · -errno of the origin's connection
 */
MAY_WAIT int upload_begin(struct exchange *x);

/* Nothing of the body has been taken from the client's connection: a second attempt can send it. */
bool upload_can_repeat(const struct exchange *x);
void upload_rewind(struct exchange *x);
