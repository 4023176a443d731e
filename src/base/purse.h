/* A bound on memory that many draw from: the sum of what they hold. One process, one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"

struct purse {
    uint64_t used, max;
};

/* For who has little: a request that begins. False: there is not so much left, and nothing was
 * taken. */
MUST_CHECK static inline bool purse_take(struct purse *p, uint64_t bytes)
{
    if (p->used > p->max || bytes > p->max - p->used)
        return false;
    p->used += bytes;
    return true;
}

/* Whether purse_take_more would take so much. */
static inline bool purse_has_more(const struct purse *p, uint64_t bytes)
{
    uint64_t max = p->max - p->max / 8;
    return p->used <= max && bytes <= max - p->used;
}

/* For what grows: refused an eighth before the bound, so that those who hold much cannot keep those
 * out who want little. */
MUST_CHECK static inline bool purse_take_more(struct purse *p, uint64_t bytes)
{
    bool has_more = purse_has_more(p, bytes);
    p->used += has_more ? bytes : 0;
    return has_more;
}

static inline void purse_give(struct purse *p, uint64_t bytes)
{
    p->used -= bytes;
}
