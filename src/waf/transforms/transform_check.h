/* What must hold of every transformation and every value, for its tests and its fuzz target: cut
 * anywhere the result is the same, it stays within its bound, and a value without trigger bytes
 * comes out as it is. Ends the program where it does not. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "waf/transforms/transform.h"

/* The result in memory of malloc, exactly as large as the bound, so that a sanitizer sees a byte
 * beyond. */
static inline slice transform_check_run(const struct transform *t, slice in,
                                        const struct unicode_map *map, size_t bytes_max)
{
    size_t out_max = t->out_max(in.len);
    struct transform_run run = { .in = in, .map = map, .out = malloc(out_max) };
    ASSERT(run.out || out_max == 0);
    for (size_t steps = 0; !run.done; steps++) {
        t->step(&run, bytes_max);
        ASSERT(run.error == 0 && run.at <= in.len && run.out_len <= out_max);
        ASSERT(run.done == (run.at == in.len) && steps <= in.len);
    }
    if (t->release)
        t->release(&run);
    return slice_of(run.out, run.out_len);
}

static inline void transform_check_unchanged(const struct transform *t, slice in)
{
    slice out = transform_check_run(t, in, NULL, in.len + 1);
    if (!slice_equal(in, out)) {
        fprintf(stderr, "%s changes a value without its trigger bytes\n", t->name);
        abort();
    }
    free((void *)(uintptr_t)out.ptr);
}

static inline void transform_check_longest(const struct transform *t, slice in, slice out)
{
    for (size_t enough = 1; t->longest && enough < in.len * 2 + 2; enough *= 2) {
        size_t longest = t->longest(in, enough);
        if (longest > in.len || (longest < enough && longest < out.len)) {
            fprintf(stderr, "%s gives %zu bytes, and says %zu\n", t->name, out.len, longest);
            abort();
        }
    }
}

static inline void transform_check(const struct transform *t, slice in,
                                   const struct unicode_map *map)
{
    slice whole = transform_check_run(t, in, map, in.len + 1);
    for (size_t bytes_max = 1; bytes_max < in.len; bytes_max += 1 + bytes_max / 4) {
        slice cut = transform_check_run(t, in, map, bytes_max);
        if (!slice_equal(whole, cut)) {
            fprintf(stderr, "%s gives something else in steps of %zu\n", t->name, bytes_max);
            abort();
        }
        free((void *)(uintptr_t)cut.ptr);
    }
    transform_check_longest(t, in, whole);
    ASSERT(!transform_never_grows(t) || whole.len <= in.len);
    free((void *)(uintptr_t)whole.ptr);
    bool has_trigger = !t->triggers;
    for (size_t i = 0; i < in.len && !has_trigger; i++)
        has_trigger = byte_set_has(t->triggers, (unsigned char)in.ptr[i]);
    if (!has_trigger || (t->may_change && !t->may_change(in)))
        transform_check_unchanged(t, in);
}
