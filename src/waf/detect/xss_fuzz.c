/* Whatever comes: reading ends, costs in proportion, and the evidence lies inside the value. */
#include "base/fuzz.h"
#include "waf/detect/xss.h"

/* Whether the rules' prefilter would have let the value through to the detector. */
static bool is_candidate(slice value)
{
    struct byte_set required;
    xss_required(&required);
    for (size_t i = 0; i < value.len; i++)
        if (byte_set_has(&required, (unsigned char)value.ptr[i]))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct xss_result result = { .because = NULL };
    struct work work;
    work_open(&work, 0, NULL, NULL);
    int found = xss_detect(fuzz_input(bytes, count), &result, &work);
    ASSERT(found == 0 || found == 1);
    ASSERT((found == 1) == (result.because != NULL));
    ASSERT(work_spent(&work) <= 6 * 20 * (uint64_t)count + 2 * 65536);
    if (!found)
        return 0;
    ASSERT(result.at <= count && result.len <= count - result.at);
    ASSERT(is_candidate(fuzz_input(bytes, count)));
    return 0;
}
