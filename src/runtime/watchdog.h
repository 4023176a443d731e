/* The watchdog of a worker: a turn of the loop that has used so much of the processor will not end.
 * Then the worker dies with a report, like after a failed assertion, and is replaced; its siblings
 * have been accepting from its sockets since the first 50 ms.
 *
 * It counts CPU time, not the wall clock: a process that is stopped, or a machine that is busy with
 * others, is no reason. Costs one signal (SIGPROF) per span of CPU time. */
#pragma once

#include <stdint.h>

#include "base/attributes.h"

/* cpu_ms: at least 1; a turn dies after one to two of these spans. 0 · -errno */
MUST_CHECK int watchdog_open(uint32_t cpu_ms);

/* A turn has begun. */
void watchdog_turn(void);

void watchdog_close(void);
