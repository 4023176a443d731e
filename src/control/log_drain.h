/* From the workers' rings to the sinks. Whatever stands in a ring, a hostile worker's too, ends as
 * bytes in a sink that the supervisor has opened, or is dropped. */
#pragma once

#include "shared/memory.h"

/* Lines that a logger before us had taken from the rings and did not write are counted as lost.
 * grace_ms: so long the lines of a sink that is not open yet wait in the rings. */
void log_drain_open(struct shared_memory *m, int64_t grace_ms);
void log_drain_close(void);

/* The supervisor has opened this sink. The descriptor is taken in any case. */
void log_drain_take_sink(int64_t id, int fd);

/* One pass: what the rings hold, at most a bounded number of lines of each, goes to the sinks, and
 * these are written as far as they can be. True: there was anything. *ret_more: and there may be
 * more at once. */
bool log_drain_pass(bool *ret_more);

/* Lines wait for a sink. */
bool log_drain_waits(void);

/* Tells the program log what has changed: sinks that cannot be written or can be again, and lines
 * that the workers dropped. True: there was something to tell. */
bool log_drain_report(void);
