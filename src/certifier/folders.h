/* The folders that are watched for changes of certificate files (inotify). The folder is watched,
 * not the file: programs replace files, and links to files, and links to folders beside them, by
 * renaming. What the kernel does not tell (a network file system, a link further up, a folder that
 * may not be read) a periodic look finds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/siphash.h"
#include "base/slice.h"

#define FOLDERS_MAX 16384u

struct folder {
    slice path; /* own memory; ptr NULL: the place is free */
    int watch;  /* of the kernel; -1: it could not be watched, or is gone */
    uint32_t users;
    bool has_changed;
};

struct folders {
    int fd; /* readable when something happened; -1: the kernel gives none */
    struct siphash_key key;
    struct folder *all; /* FOLDERS_MAX, open addressing by path */
    int32_t *by_watch;  /* watch descriptors to places */
    int watches_max;
    uint32_t count;
};

/* Without a descriptor of the kernel it works on, and nothing is ever told. 0 · -ENOMEM */
MUST_CHECK int folders_open(struct folders *f);
void folders_close(struct folders *f);

/* Watches the folder of a file. The folder's place · -ENOSPC too many · -ENOMEM */
MUST_CHECK int folders_watch(struct folders *f, slice file);
/* One user less. */
void folders_leave(struct folders *f, int folder);
/* Is it watched, or only looked at now and then? A folder that could not be watched is tried again.
 */
bool folders_is_watched(struct folders *f, int folder);

/* Reads what the kernel has to say. True when a folder has changed; which: `has_changed`, which the
 * caller clears. When the kernel had to drop something, all have. */
bool folders_read(struct folders *f);
