#include "runtime/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/number.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

#define PAINT       0xa5
#define COUNT_MAX   1000000u
#define MAPS_SPARED 4096u /* mappings for everything that is not a stack */

static bool guard_by_madvise = true;

static size_t page_bytes(void)
{
    static size_t bytes;
    if (!bytes)
        bytes = (size_t)sysconf(_SC_PAGESIZE);
    return bytes;
}

static long read_number(const char *path)
{
    char text[32];
    uint64_t value;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t length = read(fd, text, sizeof text);
    close(fd);
    if (length <= 0 || number_parse(slice_of(text, (size_t)length - 1), LONG_MAX, &value) != 0)
        return -1;
    return (long)value;
}

static bool madvise_guards_work(void)
{
    size_t page = page_bytes();
    void *probe = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED)
        return false;
    bool works = madvise(probe, page, MADV_GUARD_INSTALL) == 0;
    munmap(probe, page);
    return works;
}

uint32_t stack_count_bound(size_t bytes)
{
    uint64_t bound = COUNT_MAX;
    guard_by_madvise = madvise_guards_work();
    long maps = read_number("/proc/sys/vm/max_map_count");
    if (!guard_by_madvise && maps > 0) /* each guard splits a mapping in two */
        bound = (uint64_t)maps > 2 * MAPS_SPARED ? ((uint64_t)maps - MAPS_SPARED) / 2 : MAPS_SPARED;
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY &&
        space.rlim_cur / 2 / bytes < bound)
        bound = space.rlim_cur / 2 / bytes;
    if (read_number("/proc/sys/vm/overcommit_memory") == 2) { /* reservations count in full */
        long pages = sysconf(_SC_PHYS_PAGES);
        uint64_t half = pages > 0 ? (uint64_t)pages * page_bytes() / 2 : bytes;
        bound = half / bytes < bound ? half / bytes : bound;
    }
    return bound < 1 ? 1 : (uint32_t)bound;
}

int stack_make(size_t bytes, struct stack *ret)
{
    size_t page = page_bytes();
    char *memory = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    (void)madvise(memory, bytes + page, MADV_NOHUGEPAGE);
    int guarded = guard_by_madvise ? madvise(memory, page, MADV_GUARD_INSTALL) : -1;
    if (guarded != 0)
        guarded = mprotect(memory, page, PROT_NONE);
    if (guarded != 0) { /* never a stack without its guard */
        munmap(memory, bytes + page);
        return -ENOMEM;
    }
    *ret = (struct stack){ .memory = memory + page, .bytes = bytes };
    return 0;
}

void stack_free(struct stack *s)
{
    size_t page = page_bytes();
    munmap(s->memory - page, s->bytes + page);
}

void stack_paint(const struct stack *s)
{
    memset(s->memory, PAINT, s->bytes);
}

size_t stack_depth(const struct stack *s)
{
    size_t clean = 0;
    while (clean < s->bytes && (unsigned char)s->memory[clean] == PAINT)
        clean++;
    return s->bytes - clean;
}
