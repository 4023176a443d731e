#include "control/absolute_path.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int absolute_path(slice path, char to[PATH_MAX], slice *ret)
{
    char here[PATH_MAX];
    bool is_absolute = slice_starts_with(path, SLICE("/"));
    if (!is_absolute && !getcwd(here, sizeof here))
        return -errno;
    int length = snprintf(to, PATH_MAX, "%s%s%.*s", is_absolute ? "" : here, is_absolute ? "" : "/",
                          SLICE_ARGUMENTS(path));
    if (length < 0 || length >= PATH_MAX)
        return -ENAMETOOLONG;
    *ret = slice_of(to, (size_t)length);
    return 0;
}
