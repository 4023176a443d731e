/* What the proxy itself says of a raw HTTP/1 request, before any rule sees it: the same parsers,
 * with the limits that hold when nothing is written. For commands that judge requests from files.
 */
#pragma once

#include "base/arena.h"

struct strict_reading {
    unsigned status;    /* 400 …; 0: it would be let in */
    const char *reason; /* a stable word; "" */
};

/* 0 · -ENOMEM */
MUST_CHECK int strict_reading_of(slice request, struct arena *a, struct strict_reading *ret);
