/* Paths as people write them, from where they are, for processes that work in other folders: the
 * keyholder in the root, the certifier in its store. */
#pragma once

#include <limits.h>

#include "base/attributes.h"
#include "base/slice.h"

/* The path from the root, which need not exist, into `to`; *ret is a view of it. Links and dots
 * stay as they are. 0 · -ENAMETOOLONG · -errno: the working directory is not known */
MUST_CHECK int absolute_path(slice path, char to[PATH_MAX], slice *ret);
