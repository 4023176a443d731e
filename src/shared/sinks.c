#include "shared/sinks.h"

#include <errno.h>

int sinks_claim(struct sinks_segment *s, slice path)
{
    if (path.len == 0 || path.len > SINK_PATH_MAX)
        return -EINVAL;
    for (int i = 0; i < (int)SINKS_MAX; i++) {
        struct sink_entry *e = &s->sinks[i];
        if (atomic_load_explicit(&e->is_set, memory_order_acquire)) {
            if (slice_equal(slice_from(e->path), path))
                return i;
            continue;
        }
        memcpy(e->path, path.ptr, path.len);
        e->path[path.len] = '\0';
        atomic_store_explicit(&e->is_set, 1, memory_order_release);
        return i;
    }
    return -ENOSPC;
}
