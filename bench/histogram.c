#include "histogram.h"

#include <stddef.h>

/* Below HISTOGRAM_STEPS a value is its own bucket; above, the leading HISTOGRAM_STEP_BITS + 1 bits
 * of the value choose it. */
static size_t bucket_of(uint64_t value)
{
    if (value < HISTOGRAM_STEPS)
        return (size_t)value;
    if (value >> HISTOGRAM_BITS_MAX != 0)
        return HISTOGRAM_BUCKETS - 1;
    unsigned shift = (unsigned)(63 - __builtin_clzll(value)) - HISTOGRAM_STEP_BITS;
    return (size_t)(shift + 1) * HISTOGRAM_STEPS + (size_t)((value >> shift) - HISTOGRAM_STEPS);
}

static int64_t bucket_end(size_t bucket)
{
    if (bucket < HISTOGRAM_STEPS)
        return (int64_t)bucket;
    unsigned shift = (unsigned)(bucket / HISTOGRAM_STEPS) - 1;
    uint64_t first = (uint64_t)(bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift;
    return (int64_t)(first + (UINT64_C(1) << shift) - 1);
}

void histogram_add(struct histogram *histogram, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    histogram->count++;
    histogram->buckets[bucket_of((uint64_t)ns)]++;
    if (ns > histogram->max_ns)
        histogram->max_ns = ns;
}

int64_t histogram_quantile_ns(const struct histogram *histogram, unsigned per_mille)
{
    if (histogram->count == 0)
        return 0;
    uint64_t wanted = (histogram->count * per_mille + 999) / 1000, seen = 0;
    for (size_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen >= wanted && seen > 0) {
            int64_t end = bucket_end(bucket);
            return end < histogram->max_ns ? end : histogram->max_ns;
        }
    }
    return histogram->max_ns;
}
