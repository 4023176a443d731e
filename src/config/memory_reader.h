/* For tests and fuzzing: a reader whose files and values are in memory. */
#pragma once

#include <errno.h>

#include "config/reader.h"

struct memory_file {
    const char *path, *text;
};

struct memory_reader {
    const struct memory_file *files; /* ends with a NULL path */
};

static int memory_read_file(void *context, struct arena *a, slice path, size_t bytes_max,
                            slice *ret)
{
    const struct memory_reader *m = context;
    for (const struct memory_file *f = m->files; f && f->path; f++)
        if (slice_equal(slice_from(f->path), path)) {
            if (strlen(f->text) > bytes_max)
                return -EFBIG;
            *ret = arena_copy(a, slice_from(f->text));
            return ret->ptr ? 0 : -ENOMEM;
        }
    return -ENOENT;
}

/* A pattern matches what begins like the text before its first '*'. */
static int memory_list_files(void *context, struct arena *a, slice pattern, slice **ret,
                             uint32_t *ret_count)
{
    const struct memory_reader *m = context;
    slice front = slice_first(pattern, slice_find_byte(pattern, '*'));
    *ret = arena_take_array(a, 64, sizeof **ret);
    if (!*ret)
        return -ENOMEM;
    *ret_count = 0;
    for (const struct memory_file *f = m->files; f && f->path && *ret_count < 64; f++)
        if (slice_starts_with(slice_from(f->path), front))
            (*ret)[(*ret_count)++] = slice_from(f->path);
    return 0;
}

/* Every name has a value but those that begin with "no"; the value of "long" has 100 KiB. */
static int memory_find_reference(UNUSED void *context, struct arena *a,
                                 UNUSED enum reference_kind kind, slice name, slice *ret)
{
    if (slice_starts_with(name, SLICE("no")))
        return -ENOENT;
    if (!slice_equal(name, SLICE("long"))) {
        *ret = arena_copy(a, SLICE("the {value} \\ of ${env:other}"));
        return ret->ptr ? 0 : -ENOMEM;
    }
    char *text = arena_take(a, 100u << 10);
    if (!text)
        return -ENOMEM;
    memset(text, 'x', 100u << 10);
    *ret = slice_of(text, 100u << 10);
    return 0;
}

static inline struct reader memory_reader(struct memory_reader *m)
{
    return (struct reader){ .context = m,
                            .read_file = memory_read_file,
                            .read_input = memory_read_file,
                            .list_files = memory_list_files,
                            .find_reference = memory_find_reference };
}
