/* Which tickets have been used for early data (RFC 8446 §8.1): at most once each, over all workers,
 * generations and upgrades, within the time in which a replay could pass for fresh.
 *
 * A table of moments by the keyed hash of the ticket's secret: a place that was taken is taken for
 * EARLY_DATA_WINDOW_S, for every ticket that falls on it; another one's early data is refused then,
 * which costs its client a round trip and nothing else. One word per place, taken by
 * compare-and-swap: nothing can be half-written, and of two workers one wins.
 *
 * Made anew, it knows nothing of before; but then the keys of tickets, which live beside it in
 * memory, are new too. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/slice.h"
#include "shared/segment.h"

#define EARLY_DATA_PLACES   262144u
#define EARLY_DATA_WINDOW_S 60 /* the library takes early data for fresh within some 10 seconds */

struct early_data_segment {
    struct segment_header header;
    uint64_t hash_key[2];
    _Atomic int64_t latest_ms; /* the latest that the wall clock ever was */
    uint32_t unused[2];
    _Atomic uint32_t until_s[EARLY_DATA_PLACES]; /* taken until, CLOCK_MONOTONIC */
};

/* Takes the place of a ticket. False: it, or another one in its place, was used; or the wall clock
 * has gone back, and what is old would be fresh again.
 *
 * now_ms      CLOCK_MONOTONIC
 * wall_ms     wall clock */
bool early_data_claim(struct early_data_segment *s, slice secret, int64_t now_ms, int64_t wall_ms);
