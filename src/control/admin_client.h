/* What the command line says to a running Portcullis: one HTTP request over the admin socket.
 *
 *     GET /status           JSON
 *     GET /certificates     JSON, one on each line
 *     GET /exchanges/ID     one that is kept (`recent`), JSON; 404
 *     GET /exchanges?since_ms=N   all of them, one on each line; of 16 MiB the last line is
 *                           {"next_slot":N}, and &slot=N goes on there
 *     GET /metrics          Prometheus text
 *     GET /healthz /readyz  "ok"
 *     POST /certificates/renew?name=HOST   POST /certificates/revoke?name=HOST
 *     POST /reload          waits for the outcome: 200 done, 409 refused; the body is what to print
 *     POST /stop?mode=drain|quick    POST /upgrade    POST /reopen */
#pragma once

#include <stddef.h>

#include "base/attributes.h"

struct admin_answer {
    int status;
    char *body; /* NUL-terminated; free() it */
    size_t length;
};

/* folder: the state directory, NULL for the default one. Waits at most timeout_s.
 * 0 · -ENOENT, -ECONNREFUSED nobody runs there · -errno */
MUST_CHECK int admin_ask(const char *folder, const char *method, const char *path, int timeout_s,
                         struct admin_answer *ret);
