/* Text that travels as Base64: whatever comes, a walk ends, gives no more than is there, and does
 * it again alike. */
#include "waf/bodies/base64_text.h"

#include "base/fuzz.h"
#include "waf/bodies/readable.h"

static uint64_t walk(slice value, unsigned *ret_pieces)
{
    struct arena arena;
    struct work work;
    struct base64_text b;
    uint64_t digest = 0xcbf29ce484222325;
    size_t bytes = 0;
    arena_open(&arena, NULL, 0, 4096, 4 << 20);
    work_open(&work, 0, NULL, NULL);
    int found = base64_text_open(&b, value, &work);
    ASSERT(found == 0 || found == 1);
    for (*ret_pieces = 0; found == 1; *ret_pieces += 1) {
        slice text;
        found = base64_text_next(&b, &arena, &work, &text);
        ASSERT(found == 0 || found == 1);
        if (found == 0)
            break;
        ASSERT(text.len > 0);
        bytes += text.len;
        for (size_t i = 0; i < text.len; i++)
            digest = (digest ^ (unsigned char)text.ptr[i]) * 0x100000001b3;
    }
    ASSERT(bytes <= value.len && *ret_pieces <= BASE64_PIECES_MAX);
    ASSERT(work_spent(&work) <= 20 * (uint64_t)value.len + 4096);
    arena_close(&arena);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    unsigned pieces, again;
    slice value = fuzz_input(bytes, count);
    uint64_t digest = walk(value, &pieces);
    ASSERT(walk(value, &again) == digest && again == pieces);
    return 0;
}
