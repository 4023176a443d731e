/* Forms, cookies and content types: whatever comes, walks end and slices are readable. */
#include "waf/bodies/body_fuzz.h"
#include "waf/bodies/body_type.h"
#include "waf/bodies/cookies.h"
#include "waf/bodies/urlencoded.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slice input = fuzz_input(bytes, count);
    struct body_fuzz f;
    body_fuzz_open(&f);
    ASSERT(urlencoded_read(&f.reader, input, '&') == 0);
    body_fuzz_close(&f, count);

    slice rest = input, name, value;
    for (size_t walked = 0; cookies_next(&rest, &name, &value); walked++)
        ASSERT(name.len > 0 && name.len + value.len <= input.len && walked <= input.len);
    struct body_type type = body_type_read(input);
    ASSERT(type.kind < BODY_KIND_COUNT && type.type.len <= input.len &&
           type.charset.len <= input.len);
    return 0;
}
