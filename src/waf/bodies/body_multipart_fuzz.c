/* multipart: the first line is the Content-Type, the rest the body. Cut in two anywhere and fed
 * byte by byte it gives the same items and the same state. */
#include "waf/bodies/body_fuzz.h"
#include "waf/bodies/multipart.h"

static uint64_t digest_body(slice type, slice body, size_t first, size_t piece)
{
    struct body_fuzz f;
    body_fuzz_open(&f);
    struct multipart *m;
    ASSERT(multipart_open(&f.reader, type, &m) == 0);
    for (size_t at = 0; at < body.len;) {
        slice part = slice_first(slice_after(body, at), at == 0 ? first : piece);
        ASSERT(multipart_feed(m, part) == 0);
        at += part.len;
    }
    ASSERT(multipart_end(m) == 0);
    const struct body_state *state = &f.reader.state;
    ASSERT(state->parts <= f.limits.parts_max && state->files_bytes <= 2 * (uint64_t)body.len);
    body_fuzz_digest(&f, slice_from(state->message));
    f.digest ^= state->flags;
    body_fuzz_close(&f, body.len);
    return f.digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slice input = fuzz_input(bytes, count);
    size_t end = slice_find_byte(input, '\n');
    slice type = slice_first(input, end), body = slice_after(input, end + 1);
    uint64_t whole = digest_body(type, body, SIZE_MAX, 1);
    ASSERT(digest_body(type, body, 1, 1) == whole);
    ASSERT(digest_body(type, body, 1 + count % (body.len + 1), SIZE_MAX) == whole);
    return 0;
}
