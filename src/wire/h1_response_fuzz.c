/* A response head, to four kinds of question. */
#include "base/fuzz.h"
#include "wire/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const struct h1_limits limits = { 16384, 8192, 4096, 64 };
    static const struct h1_question questions[] = {
        { .method = METHOD_GET },
        { .method = METHOD_HEAD },
        { .method = METHOD_GET,
          .asked_websocket = true,
          .websocket_key = { "dGhlIHNhbXBsZSBub25jZQ==", 24 } },
    };
    slice input = fuzz_input(bytes, count);
    size_t scanned = 0, length;
    if (h1_head_scan(input, &limits, &scanned, &length) != 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LENGTH(questions); i++) {
        static struct field fields[64];
        struct h1_response response;
        struct h1_error error = { 0 };
        if (h1_response_parse(slice_first(input, length), &limits, fields, &questions[i], &response,
                              &error) != 0) {
            ASSERT(error.status == 502 && error.reason);
            continue;
        }
        ASSERT(response.status >= 100 && response.status <= 599);
        ASSERT(response.status != 101 || response.is_websocket);
        ASSERT(questions[i].method != METHOD_HEAD || response.framing == H1_FRAMING_NONE);
        ASSERT(!response.keep_alive || response.framing != H1_FRAMING_CLOSE);
    }
    return 0;
}
