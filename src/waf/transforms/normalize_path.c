/* normalizePath: a path without empty segments, "." and ".." (path.h). */
#include "waf/transforms/path.h"

static const struct byte_set triggers = { .bits = { BYTE_BIT('/') | BYTE_BIT('.') } };
static const struct byte_set slashes = { .bits = { BYTE_BIT('/') } };

static void step(struct transform_run *run, size_t bytes_max)
{
    path_normalize(run, bytes_max, &slashes);
}

const struct transform transform_normalize_path = {
    .name = "normalizePath",
    .alias = "normalisePath",
    .out_max = transform_same,
    .triggers = &triggers,
    .may_change = path_has_odd_segment,
    .step = step,
    .meaning = "Resolves `//`, `/./` and `/../`.",
    .example = "`/a//b/./../etc/passwd` becomes `/a/etc/passwd`",
};
