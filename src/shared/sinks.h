/* Where log lines go: a table of paths that generations claim; its index is a sink's id. "stdout"
 * and "stderr" are the supervisor's own. Entries stay for the supervisor's life. The paths here are
 * for people: whoever opens files goes by what a generation said over its channel, since workers
 * can write here. */
#pragma once

#include <stdatomic.h>

#include "base/slice.h"
#include "shared/segment.h"

#define SINKS_MAX     64u
#define SINK_PATH_MAX 1023u

struct sink_entry {
    _Atomic uint32_t is_set;
    uint32_t unused;
    /* By the logger: lines taken from the rings; written; lost to a full disk or a stuck reader.
     * Once all is written, taken = lines + failures. */
    _Atomic uint64_t taken, lines, bytes, failures;
    char path[SINK_PATH_MAX + 1];
};

struct sinks_segment {
    struct segment_header header;
    struct sink_entry sinks[SINKS_MAX];
};

/* The sink for a path; only the one generation that is loading calls this.
 * >= 0 · -ENOSPC · -EINVAL longer than SINK_PATH_MAX */
MUST_CHECK int sinks_claim(struct sinks_segment *s, slice path);
