/* What normalizePath and normalizePathWin share: a path without empty segments, without "." and
 * without "..".
 *
 * ".." takes away the segment before it. Beyond the root it goes nowhere; at the beginning of a
 * relative path it stays. A slash at the end stays. Only a whole segment counts: "a.." is a name.
 */
#pragma once

#include "waf/transforms/run.h"

/* Whether there is an empty segment, or one that begins with a dot. */
bool path_has_odd_segment(slice path);

/* A step; separators: bytes that end a segment, and are written as slashes. */
void path_normalize(struct transform_run *run, size_t bytes_max, const struct byte_set *separators);
