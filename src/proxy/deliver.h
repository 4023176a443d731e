/* Stage 9: the response goes to the client, head and body. Its framing is ours: a length stays a
 * length, everything else is chunked for HTTP/1.1 and ends with the connection for HTTP/1.0. A
 * response that was cut short by the origin is never completed for the client. */
#pragma once

#include "proxy/exchange.h"

/* Takes out of x->response what tells a client about the inside, and what we write ourselves. Every
 * head of the origin passes through here, interim ones and 101 (Switching Protocols) too. */
void response_hide_origin(struct exchange *x);

/* The origin's response. 0 · -EREFUSED · -ECANCELED · -errno of the client's connection */
MAY_WAIT int exchange_deliver(struct exchange *x);

/* The origin's body, or its first `bytes_max`, or what has come of it within `span_ms`, as one
 * piece, before a byte of the response has gone to the client. Afterwards it comes from there, and
 * what is behind `bytes_max` follows. Empty: there is no body.
 *
 * ret_body   valid until response_close_body()
 * returns    0 · -ENOBUFS there is no room for all of it: what has come is held, and the body may
 *            go on or be refused · -EREFUSED · -ECANCELED · -ENOMEM */
MAY_WAIT int response_hold(struct exchange *x, uint64_t bytes_max, int64_t span_ms,
                           slice *ret_body);

/* Nobody reads from the origin's body any more; before its connection is given back. */
void response_close_body(struct exchange *x);

/* A response of our own, x->answer: begun with a status, then given fields and a body; a filter
 * that has made one returns ANSWERED. Values outlive the exchange or lie in its arena. */
void answer_begin(struct exchange *x, uint16_t status);
MUST_CHECK int answer_add(struct exchange *x, slice name, slice value); /* 0 · -EMSGSIZE */
MAY_WAIT int answer_deliver(struct exchange *x);
