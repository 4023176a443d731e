/* Metrics in the Prometheus text format (version 0.0.4), rendered from shared memory by whoever
 * asks. */
#pragma once

#include "base/writer.h"
#include "shared/memory.h"

/* started_wall_ms: when the program was. certificates: the certifier's report. 0, *ret holds the
 * text, to be freed with prometheus_free · -ENOMEM */
MUST_CHECK int prometheus_write(const struct shared_memory *m, int64_t started_wall_ms,
                                slice certificates, struct writer *ret);
void prometheus_free(struct writer *w);
