/* Compressed bodies: the first byte chooses the codings; what comes out keeps to its bounds. */
#include "waf/bodies/decompress.h"

#include "base/fuzz.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const char *const encodings[] = { "gzip",     "deflate",     "br",
                                             "br, gzip", "deflate, br", "identity" };
    if (count == 0)
        return 0;
    slice in = slice_after(fuzz_input(bytes, count), 1), out = SLICE("");
    struct work work;
    work_open(&work, 0, NULL, NULL);
    struct decompress d = {
        .limits = { .bytes_max = 1 << 20, .ratio_max = 200, .takes_beginning = bytes[0] & 0x80 },
        .work = &work
    };
    int result =
        decompress_body(&d, slice_from(encodings[bytes[0] % ARRAY_LENGTH(encodings)]), in, &out);
    ASSERT(result == 0 || result == -EBADMSG);
    ASSERT((result == 0) == (d.problem == DECOMPRESS_OK));
    ASSERT(out.len <= d.limits.bytes_max || out.len == in.len);
    ASSERT(decompress_problem_text(d.problem)[0] != '\0');
    decompress_release(&d);
    return 0;
}
