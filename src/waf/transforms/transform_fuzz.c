/* Every transformation over any value: within bounds, the same however it is cut, unchanged without
 * trigger bytes (transform_check.h), and through transform_apply(). */
#include "base/fuzz.h"
#include "waf/transforms/transform_check.h"

enum { INPUT_MAX = 2048 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slice in = fuzz_input(bytes, count < INPUT_MAX ? count : INPUT_MAX);
    for (size_t i = 0; i < waf_transform_count; i++) {
        const struct transform *t = transform_find(slice_from(waf_transforms[i]->name));
        ASSERT(t);
        transform_check(t, in, NULL);
        struct arena arena;
        struct work work;
        slice out;
        arena_open(&arena, NULL, 0, 1024, 1 << 20);
        work_open(&work, 0, NULL, NULL);
        ASSERT(transform_apply(t, in, NULL, &arena, &work, &out) == 0);
        ASSERT(out.ptr == in.ptr || !slice_equal(out, in) || in.len == 0);
        arena_close(&arena);
    }
    return 0;
}
