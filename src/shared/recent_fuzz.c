/* A ring of kept exchanges that a hostile worker has written: whatever stands there, a walk comes
 * to its end and stays inside, and the next worker of the slot goes on. */
#include "shared/recent.h"

#include <sys/mman.h>

#include "base/fuzz.h"

enum { HEAD_BYTES = 16, STEPS_MAX = RECENT_RING_BYTES / 8 + 1 };

static struct recent_segment *map(void)
{
    void *memory = mmap(NULL, sizeof(struct recent_segment), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT(memory != MAP_FAILED);
    return memory;
}

static void walk(const struct recent_segment *all)
{
    static char copy[4096];
    struct recent_walk w;
    uint32_t bytes, steps = 0;
    recent_walk_open(&w, all, 0);
    while (recent_walk_read(&w, copy, sizeof copy, &bytes)) {
        ASSERT(bytes <= RECENT_RECORD_BYTES_MAX && ++steps <= STEPS_MAX);
        recent_walk_pass(&w, bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static struct recent_segment *all;
    if (!all)
        all = map();
    if (count < HEAD_BYTES + 8)
        return 0;
    uint64_t positions[2];
    memcpy(positions, bytes, sizeof positions);
    atomic_store(&all->positions[0].head, positions[0]);
    atomic_store(&all->positions[0].tail, positions[1]);
    slice ring = slice_after(fuzz_input(bytes, count), HEAD_BYTES);
    uint64_t at = positions[1] % RECENT_RING_BYTES;
    for (size_t i = 0; i < ring.len; i++)
        all->rings[0][(at + i) % RECENT_RING_BYTES] = ring.ptr[i];
    walk(all);
    struct recent r;
    recent_open(&r, all, 0);
    for (unsigned i = 0; i < 3; i++) {
        char *to = recent_reserve(&r, 100);
        ASSERT(to >= all->rings[0] && to + 100 <= all->rings[0] + RECENT_RING_BYTES);
        memset(to, 'x', 100);
        recent_commit(&r, 100);
        walk(all);
    }
    return 0;
}
