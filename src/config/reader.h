/* The language's only way to the outside: file contents, file names and the values of ${...} come
 * through these functions. The engine itself does no I/O, so tests and fuzzers give their own. */
#pragma once

#include "base/arena.h"

enum reference_kind { REFERENCE_ENVIRONMENT, REFERENCE_FILE, REFERENCE_CREDENTIAL };

struct reader {
    void *context;
    /* The whole of a file that a configuration names; -errno, of which file_problem() tells the
     * meaning: what is no regular file is refused, so that nobody waits · -EFBIG longer than
     * bytes_max. The text lives in the arena. */
    int (*read_file)(void *context, struct arena *a, slice path, size_t bytes_max, slice *ret);
    /* The same for what a command line names, which may be a pipe: it waits for who writes it. */
    int (*read_input)(void *context, struct arena *a, slice path, size_t bytes_max, slice *ret);
    /* Paths that match a pattern with * ? [], sorted by byte; none is not an error. */
    int (*list_files)(void *context, struct arena *a, slice pattern, slice **ret,
                      uint32_t *ret_count);
    /* -ENOENT there is none; a line end at the end of a file is not part of its value */
    int (*find_reference)(void *context, struct arena *a, enum reference_kind kind, slice name,
                          slice *ret);
};
