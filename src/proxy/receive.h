/* Stages 1 and 2: the request head is read, parsed and judged, its target made canonical, the
 * client identified as far as trust reaches; then site and route are found. Nothing reaches a
 * filter or an origin before this has passed. */
#pragma once

#include "proxy/exchange.h"

/* 0 · -EREFUSED (x->failure) · -ECANCELED. Waits for bytes under `timeout header`. */
MAY_WAIT int exchange_receive(struct exchange *x);

/* 0 · -EREFUSED: 421 for an unknown host */
MUST_CHECK int exchange_route(struct exchange *x);
