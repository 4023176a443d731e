/* The logger of the simulated world: takes the records out of the worker's ring. */
#pragma once

#include "shared/log_ring.h"

enum { SINK_REQUESTS = 1, SINK_SECURITY = 2 };

/* Takes all lines; those of exchanges are noted in the world's plan. */
void records_drain(struct log_ring_shared *ring);
void records_open(void);
uint64_t records_of_requests(void);
uint64_t records_of_security(void);
