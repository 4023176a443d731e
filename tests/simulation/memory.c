/* The linker puts these in front of malloc and its like, and of mmap, for the program and the tests
 * alike; the simulation itself takes from neither. While they are watched, allocations are counted
 * and fail when it is their turn. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "world.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t each);
void *__real_realloc(void *old, size_t bytes);
void __real_free(void *memory);
void *__real_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_realloc(void *old, size_t bytes);
void __wrap_free(void *memory);
void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

static bool is_watched;
static uint64_t live;

void memory_watch(bool on)
{
    is_watched = on;
}

uint64_t memory_live(void)
{
    return live;
}

static bool fails(void)
{
    if (!is_watched || !simulation_fails())
        return false;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t bytes)
{
    void *memory = fails() ? NULL : __real_malloc(bytes);
    live += memory != NULL;
    return memory;
}

void *__wrap_calloc(size_t count, size_t each)
{
    void *memory = fails() ? NULL : __real_calloc(count, each);
    live += memory != NULL;
    return memory;
}

void *__wrap_realloc(void *old, size_t bytes)
{
    void *memory = fails() ? NULL : __real_realloc(old, bytes);
    live += !old && memory;
    return memory;
}

void __wrap_free(void *memory)
{
    live -= memory != NULL;
    __real_free(memory);
}

void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap64(at, bytes, protection, flags, fd, offset);
}
