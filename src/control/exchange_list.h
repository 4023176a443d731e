/* The exchanges that workers have kept (shared/recent.h), for the admin socket: each is the JSON
 * object that filters/recent.c has written. */
#pragma once

#include "base/writer.h"
#include "shared/recent.h"

/* The object of that id; memory: at least RECENT_RECORD_BYTES_MAX. False: it is not kept, and *ret
 * is the time from which on exchanges are kept, empty when none are. */
bool exchange_find(const struct recent_segment *all, slice id, char *memory, slice *ret);

/* Which of them. */
struct exchange_choice {
    uint64_t since_ms; /* since 1970 */
    uint32_t slot;     /* of workers: from this one on */
};

/* "since_ms=N", "slot=N", both with & between; empty: all. 0 · -EINVAL */
MUST_CHECK int exchange_choice_parse(slice query, struct exchange_choice *ret);

/* Those, one on a line, of each worker from the oldest to the newest; of as many workers as the
 * writer has room for, at least EXCHANGE_LIST_BYTES_MIN. When there are more, the last line is
 * {"next_slot":N}: from there it goes on. memory: as above. */
#define EXCHANGE_LIST_BYTES_MIN (4u << 20)
void exchange_list(const struct recent_segment *all, const struct exchange_choice *which,
                   char *memory, struct writer *w);
