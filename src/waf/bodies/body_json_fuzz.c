/* JSON: both readers of it agree, and the tokeniser says the same however often it is interrupted.
 */
#include "waf/bodies/body_fuzz.h"
#include "waf/bodies/json.h"
#include "waf/bodies/json_token.h"
#include "waf/bodies/lines.h"

static uint64_t digest_tokens(slice text, size_t bytes_max)
{
    struct body_fuzz f;
    body_fuzz_open(&f);
    struct json_tokens tokens;
    json_open(&tokens, text, f.limits.depth_max, &f.arena);
    for (enum json_event event = JSON_MORE; event < JSON_END;) {
        slice value = SLICE("");
        event = json_next(&tokens, bytes_max, &value);
        if (event == JSON_MORE)
            continue;
        f.digest ^= event + 1;
        body_fuzz_digest(&f, value);
        ASSERT(tokens.at <= text.len && tokens.depth <= f.limits.depth_max);
    }
    ASSERT(tokens.steps <= 3 * text.len + 8);
    body_fuzz_close(&f, text.len);
    return f.digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slice text = fuzz_input(bytes, count);
    ASSERT(digest_tokens(text, 8) == digest_tokens(text, WORK_BLOCK));
    struct body_fuzz f;
    body_fuzz_open(&f);
    ASSERT(json_read(&f.reader, text) == 0);
    int valid = json_is_valid(&f.reader, text);
    bool limited = f.reader.state.flags & BODY_LIMITED;
    ASSERT(limited || count == 0 || valid == !(f.reader.state.flags & BODY_ERROR));
    body_fuzz_close(&f, 2 * count);

    body_fuzz_open(&f);
    ASSERT(json_lines_read(&f.reader, text) == 0);
    body_fuzz_close(&f, count);
    body_fuzz_open(&f);
    ASSERT(text_read(&f.reader, text) == 0);
    body_fuzz_close(&f, 2 * count);
    return 0;
}
