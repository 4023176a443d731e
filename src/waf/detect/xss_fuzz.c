/* Whatever comes: reading ends, costs in proportion, and the evidence lies inside the value. */
#include "base/fuzz.h"
#include "waf/detect/xss.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct xss_result result = { .because = NULL };
    struct work work;
    work_open(&work, 0, NULL, NULL);
    int found = xss_detect(fuzz_input(bytes, count), &result, &work);
    ASSERT(found == 0 || found == 1);
    ASSERT((found == 1) == (result.because != NULL));
    ASSERT(work_spent(&work) <= 6 * 20 * (uint64_t)count + 2 * 65536);
    if (found)
        ASSERT(result.at <= count && result.len <= count - result.at);
    return 0;
}
