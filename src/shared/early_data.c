#include "shared/early_data.h"

#include "base/siphash.h"

#define STEP_MS_MAX 5000 /* of the wall clock, backwards, that the window has room for */

/* Ages are measured with the wall clock. Where it was once, there it has to be again before
 * anything is taken for fresh. */
static bool clock_is_right(struct early_data_segment *s, int64_t wall_ms)
{
    int64_t latest_ms = atomic_load_explicit(&s->latest_ms, memory_order_relaxed);
    while (wall_ms > latest_ms)
        if (atomic_compare_exchange_weak(&s->latest_ms, &latest_ms, wall_ms))
            return true;
    return wall_ms >= latest_ms - STEP_MS_MAX;
}

bool early_data_claim(struct early_data_segment *s, slice secret, int64_t now_ms, int64_t wall_ms)
{
    const struct siphash_key key = { s->hash_key[0], s->hash_key[1] };
    uint64_t hash = siphash(&key, secret.ptr, secret.len);
    _Atomic uint32_t *place = &s->until_s[hash % EARLY_DATA_PLACES];
    uint32_t now_s = (uint32_t)(now_ms / 1000) + 1; /* 0: never taken */
    uint32_t taken_s = atomic_load(place);
    return clock_is_right(s, wall_ms) && taken_s < now_s &&
           atomic_compare_exchange_strong(place, &taken_s, now_s + EARLY_DATA_WINDOW_S);
}
