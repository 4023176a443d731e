/* A histogram of times, for percentiles with a relative error below 1.6 % and a fixed size: each
 * power of two of nanoseconds is cut into 64 equal buckets. Up to 2^41 ns (36 minutes); longer
 * times count as that. */
#pragma once

#include <stdint.h>

enum {
    HISTOGRAM_STEPS = 64,
    HISTOGRAM_STEP_BITS = 6,
    HISTOGRAM_BITS_MAX = 41,
    HISTOGRAM_BUCKETS = (HISTOGRAM_BITS_MAX - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS,
};

struct histogram {
    uint64_t count;
    int64_t max_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* A negative time counts as 0. */
void histogram_add(struct histogram *histogram, int64_t ns);

/* The time that `per_mille` of 1000 of the values do not exceed (999 is p99.9), rounded up to the
 * end of its bucket, at most the longest time seen; 0 when there are no values. */
int64_t histogram_quantile_ns(const struct histogram *histogram, unsigned per_mille);
