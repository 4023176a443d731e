/* normalizePathWin: normalizePath with backslashes turned into slashes first (path.h). */
#include "waf/transforms/path.h"

static const struct byte_set triggers = { .bits = { BYTE_BIT('/') | BYTE_BIT('.'),
                                                    BYTE_BIT('\\') } };
static const struct byte_set slashes = { .bits = { BYTE_BIT('/'), BYTE_BIT('\\') } };

static bool may_change(slice in)
{
    return path_has_odd_segment(in) || slice_find_byte(in, '\\') < in.len;
}

static void step(struct transform_run *run, size_t bytes_max)
{
    path_normalize(run, bytes_max, &slashes);
}

const struct transform transform_normalize_path_win = {
    .name = "normalizePathWin",
    .alias = "normalisePathWin",
    .out_max = transform_same,
    .triggers = &triggers,
    .may_change = may_change,
    .step = step,
    .meaning = "As `normalizePath`, with backslashes turned into slashes first.",
    .example = "`\\a\\..\\etc\\passwd` becomes `/etc/passwd`",
};
