/* What the proxy's own files share inside one worker. Only src/proxy and src/filters include this;
 * the outside sees gate.h. */
#pragma once

#include "proxy/gate.h"
#include "runtime/loop.h"

struct gate_state {
    const struct configuration *configuration;
    struct gate_shared shared;
    struct worker_counters *counters; /* ours: shared.counters[shared.slot] */
    uint32_t field_capacity;          /* of a table of fields: limits and all edits */
    bool is_draining, is_last;        /* last: the program ends, see struct gate_end */
};

extern struct gate_state gate;

/* Wall clock in milliseconds, read once per turn of the loop. */
int64_t gate_wall_ms(void);

/* Sums over workers go over the slots [0, this). */
uint32_t gate_slots_in_use(void);

/* Called by a connection when it has gone. */
void gate_connection_ended(void);
