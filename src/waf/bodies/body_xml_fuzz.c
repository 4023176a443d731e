/* XML: whatever comes, text and attributes come out or an error is told. */
#include "waf/bodies/body_fuzz.h"
#include "waf/bodies/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct body_fuzz f;
    body_fuzz_open(&f);
    ASSERT(xml_read(&f.reader, fuzz_input(bytes, count)) == 0);
    ASSERT(count == 0 || f.items > 0);
    body_fuzz_close(&f, count);
    return 0;
}
