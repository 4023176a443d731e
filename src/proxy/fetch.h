/* Stage 6: the origin is asked. Chooses and connects, sends the request, streams its body in a
 * child fiber when it has not all arrived, reads the response head, passes interim responses on.
 * Retries live here and nowhere else. */
#pragma once

#include "proxy/exchange.h"

/* 0: x->response holds the final response's head · -EREFUSED · -ECANCELED · -ENOMEM */
MAY_WAIT int exchange_fetch(struct exchange *x);

/* --- For the protocols that origins speak ------------------------------------------------------
 */

/* The path with its query as the origin is asked for it, and the authority: what the configuration
 * says, else what the client said; a client of HTTP/1.0 may say nothing. */
void fetch_write_path(const struct exchange *x, struct writer *w);
void fetch_write_authority(const struct exchange *x, struct writer *w);

/* The head's time runs from the request's last byte; while the body is still going out, its own
 * limits watch over it. May move later while somebody waits. */
int64_t fetch_head_deadline(const struct exchange *x);

/* The origin's fault; counted. -EREFUSED */
int fetch_fail(struct exchange *x, uint16_t status, const char *reason, const char *text);

/* What it means that no head could be read: -EREFUSED · -ECANCELED · -ECONNRESET the connection
 * ended: the caller knows whether that may be retried */
int fetch_note_failure(struct exchange *x, ssize_t got);
