#include "base/fuzz.h"
#include "wire/tls_signed.h"

/* What is signed for TLS ends where it ends: no text is the beginning of another one of its kind.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slice text = fuzz_input(bytes, count);
    enum tls_signed is = tls_signed_judge(text);
    if (count > 0)
        ASSERT(is == TLS_SIGNED_NOTHING || tls_signed_judge(slice_first(text, count - 1)) != is);
    return 0;
}
