/* The exchanges that workers have kept (shared/recent.h), for the admin socket: each is the JSON
 * object that filters/recent.c has written. */
#pragma once

#include "base/writer.h"
#include "shared/recent.h"

/* The object of that id; memory: at least RECENT_RECORD_BYTES_MAX. False: it is not kept, and *ret
 * is the time from which on exchanges are kept, empty when none are. */
bool exchange_find(const struct recent_segment *all, slice id, char *memory, slice *ret);

/* All since that moment (ms since 1970), one on a line, of each worker from the oldest to the
 * newest; as many as the writer takes. memory: as above. */
void exchange_list(const struct recent_segment *all, uint64_t since_ms, char *memory,
                   struct writer *w);
