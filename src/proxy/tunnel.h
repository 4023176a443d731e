/* After 101 (Switching Protocols) to a WebSocket handshake that was checked on both sides: bytes
 * both ways until one side ends, or nothing moves for `timeout idle` (1 h unless written). */
#pragma once

#include "proxy/exchange.h"

/* 0 · -EREFUSED · -ECANCELED */
MAY_WAIT int exchange_tunnel(struct exchange *x);
