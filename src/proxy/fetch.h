/* Stage 6: the origin is asked. Chooses and connects, sends the request, streams its body in a
 * child fiber when it has not all arrived, reads the response head, passes interim responses on.
 * Retries live here and nowhere else. */
#pragma once

#include "proxy/exchange.h"

/* 0: x->response holds the final response's head · -EREFUSED · -ECANCELED · -ENOMEM */
MAY_WAIT int exchange_fetch(struct exchange *x);
