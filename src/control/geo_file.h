/* A database of places in MaxMind's format (GeoLite2, DB-IP …), read by libmaxminddb. The file is
 * mapped, not read: all processes share it, and a newer one is put in its place by renaming. */
#pragma once

#include "waf/geo.h"

/* ret_why  with -EINVAL: what is wrong, static
 * ret_made when the database was made, seconds since 1970
 * 0 · -EINVAL · -ENOMEM. The caller calls close. */
MUST_CHECK int geo_file_open(const char *path, struct geo_database **ret, uint64_t *ret_made,
                             const char **ret_why);
