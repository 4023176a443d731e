/* What one process writes and all read, in shared memory: the version beside it is odd while it is
 * being written. A reader copies and looks at the version again; what a dead writer left half-way
 * is never read, and written over by the next. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void versioned_write(_Atomic uint32_t *version, void *to, const void *from, size_t bytes);

/* A consistent copy. False: it was being written all the time. */
bool versioned_read(const _Atomic uint32_t *version, const void *from, void *ret, size_t bytes);
