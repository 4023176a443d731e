#include "control/waf_files.h"

#include <errno.h>

#include "base/writer.h"

#define PATH_BYTES 4096u

static slice folder_of(slice path)
{
    while (path.len && path.ptr[path.len - 1] != '/')
        path.len--;
    return path;
}

/* `path` as seen from the folder of `beside`. 0 · -ENAMETOOLONG */
static int resolve(slice path, slice beside, char *memory, slice *ret)
{
    struct writer w = writer_over(memory, PATH_BYTES);
    if (path.len && path.ptr[0] != '/')
        writer_slice_add(&w, folder_of(beside));
    writer_slice_add(&w, path);
    *ret = writer_slice(&w);
    return w.overflowed ? -ENAMETOOLONG : 0;
}

static int list(void *context, slice pattern, slice beside, struct arena *a, slice **ret_paths,
                unsigned *ret_count)
{
    const struct reader *reader = context;
    char memory[PATH_BYTES];
    slice path;
    TRY(resolve(pattern, beside, memory, &path));
    return reader->list_files(reader->context, a, path, ret_paths, ret_count);
}

static int read_one(void *context, slice path, slice beside, struct arena *a, slice *ret_bytes)
{
    const struct reader *reader = context;
    char memory[PATH_BYTES];
    slice full;
    TRY(resolve(path, beside, memory, &full));
    return reader->read_file(reader->context, a, full, WAF_FILE_BYTES_MAX, ret_bytes);
}

struct seclang_world waf_files(const struct reader *reader)
{
    return (struct seclang_world){ .context = (void *)(uintptr_t)reader,
                                   .list = list,
                                   .read = read_one };
}
