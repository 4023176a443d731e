/* A chunked body: the same result however the bytes are split. */
#include "base/fuzz.h"
#include "base/siphash.h"
#include "wire/h1.h"

struct outcome {
    int result;
    bool ended;
    uint64_t decoded, digest;
    size_t used;
};

static struct outcome decode(slice in, size_t step)
{
    struct outcome o = { 0 };
    struct siphash_key key = { 1, 2 };
    struct h1_body body;
    h1_body_open(&body, H1_FRAMING_CHUNKED, 0);
    size_t have = 0;
    while (o.result == 0 && !body.ended && o.used < in.len) {
        slice data;
        size_t used;
        if (have <= o.used)
            have = have + step < in.len ? have + step : in.len;
        o.result = h1_body_next(&body, slice_of(in.ptr + o.used, have - o.used), &data, &used);
        if (o.result != 0)
            break;
        ASSERT(used <= have - o.used && data.len <= used);
        for (size_t i = 0; i < data.len; i++) {
            key.k0 ^= (unsigned char)data.ptr[i];
            key.k0 = siphash(&key, &key.k0, sizeof key.k0);
        }
        o.used += used;
    }
    o.ended = body.ended;
    o.decoded = body.decoded;
    o.digest = key.k0;
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slice input = fuzz_input(bytes, count);
    struct outcome whole = decode(input, count ? count : 1);
    for (size_t step = 1; step < 8; step++) {
        struct outcome split = decode(input, step);
        ASSERT(split.result == whole.result && split.ended == whole.ended);
        ASSERT(split.decoded == whole.decoded && split.digest == whole.digest);
        ASSERT(whole.result != 0 || split.used == whole.used);
    }
    return 0;
}
