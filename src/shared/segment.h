/* Shared memory: one sealed memfd per purpose, created by the supervisor and therefore surviving
 * reloads and crashes. Every segment begins with this header; after an upgrade a process that finds
 * another magic, layout or size says whether it imports or starts empty.
 *
 * Rules for all segments: fixed layout, fixed limits, no pointers inside, one writer per word, no
 * lock that can be orphaned, readers copy and then validate: a worker may be hostile. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"

struct segment_header {
    uint64_t magic;
    uint32_t layout; /* version of the segment's own layout */
    uint32_t unused;
    uint64_t bytes; /* of the whole segment */
};

struct segment {
    struct segment_header *memory; /* NULL when not mapped */
    int fd;
};

/* name: for /proc/PID/fd ("portcullis-counters"). Zeroed, sealed against growing and shrinking. 0 ·
 * -errno */
MUST_CHECK int segment_create(struct segment *s, const char *name, uint64_t magic, uint32_t layout,
                              uint64_t bytes);
/* Maps one that was inherited or received; takes the fd. 0 · -errno · -EPROTO another layout */
MUST_CHECK int segment_map(struct segment *s, int fd, uint64_t magic, uint32_t layout,
                           uint64_t bytes, bool writable);
void segment_close(struct segment *s);
