/* The request body on its way to the origin, under `limits body`, `limits body-rate` and the
 * timeouts `idle` and `send`. A body that is refused half-way is never finished for the origin: its
 * connection is cut. */
#pragma once

#include "proxy/exchange.h"

/* Sends the request head, which stands ready in x->to_origin, with what has arrived of the body;
 * goes on in a child fiber when more must come. 0 · -EREFUSED · -errno of the origin's connection
 */
MAY_WAIT int upload_begin(struct exchange *x);

/* The body, or its first `bytes_max`, as one piece, before an origin is asked; the same limits and
 * times hold, and `limits held`. Afterwards it comes from there, and what is behind `bytes_max`
 * follows. Empty: there is no body.
 *
 * ret_body   valid as long as the exchange
 * returns    0 · -ENOBUFS there is no room for all of it: what has come is held, and the body may
 *            go on or be refused · -EREFUSED · -ECANCELED · -ENOMEM */
MAY_WAIT int upload_hold(struct exchange *x, uint64_t bytes_max, slice *ret_body);

/* Nothing of the body has been taken from the client's connection: a second attempt can send it. */
bool upload_can_repeat(const struct exchange *x);
void upload_rewind(struct exchange *x);
