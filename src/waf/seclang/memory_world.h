/* Files of tests, in memory: what a struct seclang_world gives where there is no file system. */
#pragma once

#include <errno.h>
#include <stdio.h>

#include "waf/seclang/seclang.h"

struct memory_file {
    const char *name, *text;
};

/* context: the files, up to one without a name. A pattern may end in *. */
static int memory_list(void *context, slice pattern, slice beside, struct arena *arena,
                       slice **ret_paths, unsigned *ret_count)
{
    (void)beside;
    *ret_count = 0;
    *ret_paths = arena_take_array(arena, 16, sizeof(slice));
    if (!*ret_paths)
        return -ENOMEM;
    bool is_prefix = slice_ends_with(pattern, SLICE("*"));
    slice wanted = slice_first(pattern, pattern.len - is_prefix);
    for (const struct memory_file *f = context; f && f->name && *ret_count < 16; f++) {
        slice name = slice_from(f->name);
        if (is_prefix ? slice_starts_with(name, wanted) : slice_equal(name, wanted))
            (*ret_paths)[(*ret_count)++] = name;
    }
    return 0;
}

static int memory_read(void *context, slice path, slice beside, struct arena *arena,
                       slice *ret_bytes)
{
    (void)beside;
    (void)arena;
    for (const struct memory_file *f = context; f && f->name; f++) {
        if (!slice_equal(path, slice_from(f->name)))
            continue;
        *ret_bytes = slice_from(f->text);
        return 0;
    }
    return -ENOENT;
}

static inline struct seclang_world memory_world(const struct memory_file *files)
{
    return (struct seclang_world){ .context = (void *)(uintptr_t)files,
                                   .list = memory_list,
                                   .read = memory_read };
}
