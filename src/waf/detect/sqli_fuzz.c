/* Whatever comes: the walk ends, costs in proportion, and says only what it knows. */
#include "base/fuzz.h"
#include "waf/detect/sqli.h"

/* Whether the rules' prefilter would have let the value through to the detector. */
static bool is_candidate(slice value)
{
    struct byte_set required;
    sqli_required(&required);
    for (size_t i = 0; i < value.len; i++)
        if (byte_set_has(&required, (unsigned char)value.ptr[i]))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct sqli_result result = { .because = NULL };
    struct work work;
    work_open(&work, 0, NULL, NULL);
    int found = sqli_detect(fuzz_input(bytes, count), &result, &work);
    ASSERT(found == 0 || found == 1);
    ASSERT((found == 1) == (result.because != NULL));
    /* Six places in two dialects, once more for the fingerprint, a byte and a token each. */
    ASSERT(work_spent(&work) <= 13 * 9 * (uint64_t)count + 1024);
    if (!found)
        return 0;
    ASSERT(is_candidate(fuzz_input(bytes, count)));
    size_t length = strlen(result.fingerprint);
    ASSERT(length > 0 && length <= SQLI_FINGERPRINT_MAX);
    ASSERT(strspn(result.fingerprint, "s1nvfkEUBTto&cA(){},;?") == length);
    work_open(&work, 0, NULL, NULL);
    ASSERT(sqli_detect(fuzz_input(bytes, count), NULL, &work) == 1);
    return 0;
}
