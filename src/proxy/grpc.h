/* gRPC through the exchange: calls keep their trailers, end by their own deadline, and are refused
 * in words that their clients understand. They are never held: nothing is read ahead of what it is
 * relayed for. */
#pragma once

#include "proxy/exchange.h"

/* The request is a call, by its content type. */
bool exchange_is_grpc(const struct exchange *x);

/* And its route leads to grpc:// or grpcs://: a call may stay silent for as long as a WebSocket,
 * and has no minimum rate. */
bool exchange_is_long_call(const struct exchange *x);

/* grpc-timeout bounds the exchange; it is passed on as it is. 0 · -EREFUSED it is malformed */
MUST_CHECK int grpc_apply_deadline(struct exchange *x);

/* A refusal for the client of a call: status 200, grpc-status and grpc-message, without a body, as
 * x->answer. 0 · -EMSGSIZE · -ENOMEM */
MUST_CHECK int grpc_refuse(struct exchange *x);
