/* Whatever comes: the walk ends, costs in proportion, and says only what it knows. */
#include "base/fuzz.h"
#include "waf/detect/sqli.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct sqli_result result = { .because = NULL };
    struct work work;
    work_open(&work, 0, NULL, NULL);
    int found = sqli_detect(fuzz_input(bytes, count), &result, &work);
    ASSERT(found == 0 || found == 1);
    ASSERT((found == 1) == (result.because != NULL));
    /* Five places in two dialects, and once more for the fingerprint. */
    ASSERT(work_spent(&work) <= 16 * (uint64_t)count + 64);
    if (!found)
        return 0;
    size_t length = strlen(result.fingerprint);
    ASSERT(length > 0 && length <= SQLI_FINGERPRINT_MAX);
    ASSERT(strspn(result.fingerprint, "s1nvfkEUBTto&cA(){},;?") == length);
    work_open(&work, 0, NULL, NULL);
    ASSERT(sqli_detect(fuzz_input(bytes, count), NULL, &work) == 1);
    return 0;
}
