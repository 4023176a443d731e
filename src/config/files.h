/* All files of one configuration: the first one and what its `include` statements bring, each as a
 * tree. Includes are relative to the including file, patterns are sorted, a cycle is an error, a
 * pattern that matches nothing a warning. The order of the files means nothing. */
#pragma once

#include "config/expand.h"
#include "config/reader.h"
#include "config/tree.h"

#define FILES_BUCKETS   1024u
#define FILES_MAX       20000u
#define FILES_DEPTH_MAX 16u
#define FILES_BYTES_MAX (256u << 20)

struct file {
    struct file *next;
    struct file *same_bucket;
    struct source source;
    struct tree tree;
};

struct files {
    struct arena *arena; /* the caller's: owns texts and trees */
    const struct reader *reader;
    struct diagnostics *diagnostics;
    struct file *first, *last;
    uint32_t count;
    size_t bytes;
    struct file *buckets[FILES_BUCKETS]; /* by name: a file is read once */
};

/* Reads `path` and what it includes. Errors go to the diagnostics. 0 · -ENOMEM */
MUST_CHECK int files_read(struct files *f, slice path);
/* The same for a text that is in no file; includes are relative to the working directory. */
MUST_CHECK int files_read_text(struct files *f, slice name, slice text);
