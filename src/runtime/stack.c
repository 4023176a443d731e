#include "runtime/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/number.h"

#ifdef HAVE_VALGRIND
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(lowest, highest) 0
#define VALGRIND_STACK_DEREGISTER(id)            (void)(id)
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

#define PAINT       0xa5
#define COUNT_MAX   1000000u
#define MAPS_SPARED 4096u /* mappings for everything that is not a stack */

static bool guard_by_madvise = true, never_by_madvise;

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

/* Some that run programs for another kernel say yes to every advice and do nothing: the kernel is
 * asked to write there. */
static bool madvise_guards_work(void)
{
    size_t page = page_bytes();
    void *probe = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED)
        return false;
    bool works = madvise(probe, page, MADV_GUARD_INSTALL) == 0 &&
                 getrandom(probe, 1, GRND_NONBLOCK) < 0 && errno == EFAULT;
    munmap(probe, page);
    return works;
}

void stack_guard_by_mprotect(bool always)
{
    never_by_madvise = always;
}

bool stack_guards_are_free(void)
{
    guard_by_madvise = !never_by_madvise && madvise_guards_work();
    return guard_by_madvise;
}

static uint64_t at_most(uint64_t bound, uint64_t limit)
{
    return limit < bound ? limit : bound;
}

uint32_t stack_count_within(const struct stack_limits *l, size_t bytes)
{
    uint64_t bound = COUNT_MAX;
    if (l->maps_max && l->guard_splits)
        bound = at_most(bound, l->maps_max > 2 * MAPS_SPARED ? (l->maps_max - MAPS_SPARED) / 2
                                                             : l->maps_max / 4);
    if (l->space_bytes_max)
        bound = at_most(bound, l->space_bytes_max / 2 / bytes);
    if (l->commit_bytes)
        bound = at_most(bound, l->commit_bytes / 2 / bytes);
    return bound < 1 ? 1 : (uint32_t)bound;
}

uint32_t stack_count_bound(size_t bytes)
{
    struct stack_limits limits = { .guard_splits = !stack_guards_are_free() };
    long maps = read_number("/proc/sys/vm/max_map_count");
    long pages = sysconf(_SC_PHYS_PAGES);
    struct rlimit space;
    if (maps > 0)
        limits.maps_max = (uint64_t)maps;
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
        limits.space_bytes_max = space.rlim_cur;
    if (read_number("/proc/sys/vm/overcommit_memory") == 2) /* reservations count in full */
        limits.commit_bytes = pages > 0 ? (uint64_t)pages * page_bytes() : bytes;
    return stack_count_within(&limits, bytes);
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
    ret->valgrind_id = VALGRIND_STACK_REGISTER(ret->memory, ret->memory + bytes - 1);
    return 0;
}

void stack_free(struct stack *s)
{
    size_t page = page_bytes();
    VALGRIND_STACK_DEREGISTER(s->valgrind_id);
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
