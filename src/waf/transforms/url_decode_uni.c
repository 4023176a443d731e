/* urlDecodeUni: urlDecode, and %uHHHH as IIS reads it: the byte that SecUnicodeMapFile has for the
 * character, otherwise its low byte, with full-width forms folded. A malformed one keeps its "%u".
 */
#include "waf/transforms/url.h"

static size_t decode_escape(struct transform_run *run, size_t at)
{
    if ((run_peek(run, at + 1) | 0x20) != 'u')
        return url_escape_decode(run, at);
    int code = run_hex_four(run, at + 2);
    if (code < 0) {
        run_copy(run, at, at + 2);
        return 2;
    }
    int mapped = unicode_map_byte(run->map, (unsigned)code);
    run_put(run, mapped >= 0 ? (unsigned)mapped : fold_full_width((unsigned)code));
    return 6;
}

static void step(struct transform_run *run, size_t bytes_max)
{
    url_decode_step(run, bytes_max, decode_escape);
}

const struct transform transform_url_decode_uni = {
    .name = "urlDecodeUni",
    .out_max = transform_same,
    .triggers = &url_escapes,
    .step = step,
    .meaning = "Decodes `%HH`, `+` and `%uHHHH`, the last as `SecUnicodeMapFile` says.",
    .example = "`%u003cscript%uFF1E` becomes `<script>`",
};
