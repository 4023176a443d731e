/* What the prefilter knows of one pattern: found from its tree when it is added. */
#pragma once

#include "waf/patterns/guard.h"
#include "waf/patterns/literals.h"
#include "waf/patterns/pattern.h"
#include "waf/patterns/phrases.h"
#include "waf/patterns/prefilter.h"

enum { NEED_ARENA_BYTES_MAX = 128 << 20 };

struct need_facts {
    enum need_kind kind;
    size_t len_min;
    struct guards guards;
    struct literals literals;
    struct byte_set evasions; /* NEED_CONDITIONAL: literals hold for values without these */
};

/* Literals in the arena. 0 · -ENOMEM */
MUST_CHECK int need_facts_find(const struct pattern *pattern, struct arena *arena,
                               struct need_facts *ret_facts);
