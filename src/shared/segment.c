#include "shared/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map(struct segment *s, uint64_t bytes, bool writable)
{
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *memory = mmap(NULL, bytes, protection, MAP_SHARED, s->fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    s->memory = memory;
    return 0;
}

static int prepare(int fd, uint64_t bytes)
{
    if (ftruncate(fd, (off_t)bytes) < 0)
        return -errno;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -errno;
    return 0;
}

int segment_create(struct segment *s, const char *name, uint64_t magic, uint32_t layout,
                   uint64_t bytes)
{
    s->memory = NULL;
    s->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (s->fd < 0)
        return -errno;
    int result = prepare(s->fd, bytes);
    if (result == 0)
        result = map(s, bytes, true);
    if (result != 0) {
        segment_close(s);
        return result;
    }
    *s->memory = (struct segment_header){ .magic = magic, .layout = layout, .bytes = bytes };
    return 0;
}

int segment_map(struct segment *s, int fd, uint64_t magic, uint32_t layout, uint64_t bytes,
                bool writable)
{
    struct stat status;
    s->memory = NULL;
    s->fd = fd;
    int result = fstat(fd, &status) < 0 ? -errno : 0;
    if (result == 0 && (uint64_t)status.st_size != bytes)
        result = -EPROTO;
    if (result == 0)
        result = map(s, bytes, writable);
    if (result == 0 &&
        (s->memory->magic != magic || s->memory->layout != layout || s->memory->bytes != bytes))
        result = -EPROTO;
    if (result != 0)
        segment_close(s);
    return result;
}

void segment_close(struct segment *s)
{
    if (s->memory) {
        uint64_t bytes = 0;
        struct stat status;
        if (fstat(s->fd, &status) == 0)
            bytes =
                (uint64_t)status.st_size; /* not from the header: a worker may have changed it */
        munmap(s->memory, bytes);
    }
    if (s->fd >= 0)
        close(s->fd);
    s->memory = NULL;
    s->fd = -1;
}
