#include "shared/versioned.h"

#include <string.h>

#define READS_MAX 16

void versioned_write(_Atomic uint32_t *version, void *to, const void *from, size_t bytes)
{
    uint32_t odd = atomic_load_explicit(version, memory_order_relaxed) | 1;
    atomic_store_explicit(version, odd, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    memcpy(to, from, bytes);
    atomic_store_explicit(version, odd + 1, memory_order_release);
}

bool versioned_read(const _Atomic uint32_t *version, const void *from, void *ret, size_t bytes)
{
    for (int i = 0; i < READS_MAX; i++) {
        uint32_t before = atomic_load_explicit(version, memory_order_acquire);
        if (before & 1)
            continue;
        memcpy(ret, from, bytes);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(version, memory_order_relaxed) == before)
            return true;
    }
    return false;
}
