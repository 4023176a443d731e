#include "control/waf_files.h"

#include <errno.h>

#include "base/writer.h"
#include "control/geo_file.h"
#include "filters/log_text.h"

enum { PATH_BYTES = 4096 };

static slice folder_of(slice path)
{
    while (path.len && path.ptr[path.len - 1] != '/')
        path.len--;
    return path;
}

/* The path as seen from the folder of `beside`, NUL-terminated. 0 · -ENAMETOOLONG */
static int resolve(slice path, slice beside, char full[PATH_BYTES])
{
    struct writer w = writer_over(full, PATH_BYTES - 1);
    if (path.len && path.ptr[0] != '/')
        writer_slice_add(&w, folder_of(beside));
    writer_slice_add(&w, path);
    full[w.len] = '\0';
    return w.overflowed ? -ENAMETOOLONG : 0;
}

static int list(void *context, slice pattern, slice beside, struct arena *a, slice **ret_paths,
                unsigned *ret_count)
{
    const struct reader *reader = context;
    char path[PATH_BYTES];
    TRY(resolve(pattern, beside, path));
    return reader->list_files(reader->context, a, slice_from(path), ret_paths, ret_count);
}

static int read_one(void *context, slice path, slice beside, struct arena *a, slice *ret_bytes)
{
    const struct reader *reader = context;
    char full[PATH_BYTES];
    TRY(resolve(path, beside, full));
    return reader->read_file(reader->context, a, slice_from(full), WAF_FILE_BYTES_MAX, ret_bytes);
}

int waf_files_geo(slice path, slice beside, struct geo_database **ret, uint64_t *ret_made,
                  const char **ret_why)
{
    char full[PATH_BYTES];
    if (resolve(path, beside, full) == 0)
        return geo_file_open(full, ret, ret_made, ret_why);
    *ret_why = strerror(ENAMETOOLONG);
    return -EINVAL;
}

static int open_geo(UNUSED void *context, slice path, slice beside, struct geo_database **ret,
                    const char **ret_why)
{
    uint64_t made;
    return waf_files_geo(path, beside, ret, &made, ret_why);
}

static bool is_masked(slice name)
{
    return log_name_is_secret(name) || slice_equal_fold(name, SLICE("cookie")) ||
           slice_equal_fold(name, SLICE("set-cookie"));
}

struct seclang_world waf_files(const struct reader *reader)
{
    return (struct seclang_world){ .context = (void *)(uintptr_t)reader,
                                   .geo_open = open_geo,
                                   .list = list,
                                   .read = read_one,
                                   .is_masked = is_masked };
}
