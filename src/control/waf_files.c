#include "control/waf_files.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

#include "base/arena.h"
#include "control/load_reader.h"

/* `path` as seen from the folder of `beside`; NULL without memory. */
static char *resolve(struct arena *a, slice path, slice beside)
{
    size_t folder = beside.len;
    while (folder > 0 && beside.ptr[folder - 1] != '/')
        folder--;
    if (folder == 0 || (path.len && path.ptr[0] == '/'))
        return arena_text(a, path);
    char *text = arena_take(a, folder + path.len + 1);
    if (!text)
        return NULL;
    memcpy(text, beside.ptr, folder);
    if (path.len)
        memcpy(text + folder, path.ptr, path.len);
    return text;
}

static int take_paths(const glob_t *found, struct arena *a, slice **ret_paths, unsigned *ret_count)
{
    slice *paths = arena_take_array(a, found->gl_pathc + 1, sizeof(*paths));
    if (!paths)
        return -ENOMEM;
    for (size_t i = 0; i < found->gl_pathc; i++) {
        paths[i] = arena_copy(a, slice_from(found->gl_pathv[i]));
        if (!paths[i].ptr)
            return -ENOMEM;
    }
    *ret_paths = paths;
    *ret_count = (unsigned)found->gl_pathc;
    return 0;
}

static int list(void *context, slice pattern, slice beside, struct arena *a, slice **ret_paths,
                unsigned *ret_count)
{
    (void)context;
    *ret_paths = NULL;
    *ret_count = 0;
    char *text = resolve(a, pattern, beside);
    if (!text)
        return -ENOMEM;
    glob_t found __attribute__((cleanup(globfree))) = { 0 };
    switch (glob(text, GLOB_ERR, NULL, &found)) {
    case 0:
        return take_paths(&found, a, ret_paths, ret_count);
    case GLOB_NOMATCH:
        return 0;
    case GLOB_NOSPACE:
        return -ENOMEM;
    default:
        return errno ? -errno : -EIO;
    }
}

static int read_one(void *context, slice path, slice beside, struct arena *a, slice *ret_bytes)
{
    (void)context;
    char *text = resolve(a, path, beside);
    if (!text)
        return -ENOMEM;
    return load_reader.read_file(NULL, a, slice_from(text), WAF_FILE_BYTES_MAX, ret_bytes);
}

const struct seclang_world waf_files = { .list = list, .read = read_one };
