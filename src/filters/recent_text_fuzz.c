/* What is masked in logs and kept exchanges: the first byte chooses how a text is written. Nothing
 * is longer than its bound, what is written is printable, and a secret that follows is not in it.
 */
#include "filters/recent_text.h"

#include "base/fuzz.h"
#include "filters/log_text.h"

#define SECRET "Geheimnis7Xyz"

enum { ROOM = 64 << 10, TEXT_MAX = 8192 };

static void check(const struct writer *w, size_t bytes_max)
{
    slice written = writer_slice(w);
    ASSERT(!w->overflowed && written.len <= bytes_max);
    for (size_t i = 0; i < written.len; i++)
        ASSERT((unsigned char)written.ptr[i] >= ' ');
    ASSERT(slice_find(written, SLICE(SECRET)) == written.len);
}

static void put(struct writer *w, unsigned how, slice text, size_t bytes_max)
{
    char names[1024];
    struct recent_masks masks = { .names = writer_over(names, sizeof names) };
    static const slice types[] = { SLICE("application/x-www-form-urlencoded"),
                                   SLICE("multipart/form-data; boundary=xYz01"),
                                   SLICE("application/json"), SLICE("text/plain") };
    struct field cookie = { .name = SLICE("Cookie"), .value = text, .id = FIELD_COOKIE };
    struct field referer = { .name = SLICE("Referer"), .value = text, .id = FIELD_REFERER };
    switch (how) {
    case 0:
        (void)recent_put_parameters(w, text, bytes_max, &masks);
        break;
    case 1:
        (void)recent_put_field(w, &cookie, bytes_max, &masks);
        break;
    case 2:
        (void)recent_put_field(w, &referer, bytes_max, &masks);
        break;
    case 3:
        log_put_masked(w, text, bytes_max, &log_escape_json);
        break;
    case 4:
        log_put_masked(w, text, bytes_max, &log_escape_combined);
        break;
    case 5:
        log_put_value(w, text, bytes_max, &log_escape_json);
        break;
    default: {
        struct recent_body as = { .type = types[how % ARRAY_LENGTH(types)] };
        (void)recent_put_body(w, &as, text, bytes_max, &masks);
        break;
    }
    }
    ASSERT(!masks.names.overflowed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static char memory[TEXT_MAX + 64], out[ROOM];
    slice input = fuzz_input(bytes, count);
    if (count < 2 || slice_find(input, SLICE(SECRET)) < count)
        return 0;
    unsigned how = bytes[0] % 10;
    size_t bytes_max = 64 + (size_t)bytes[1] * 64;
    struct writer text = writer_over(memory, sizeof memory), w = writer_over(out, sizeof out);
    writer_slice_add(&text, slice_first(slice_after(input, 2), TEXT_MAX));
    if (how == 0 || (how > 1 && how < 6)) /* forms, targets and values: behind anything */
        writer_literal(&text, "?&password=" SECRET);
    if (how == 1)
        writer_literal(&text, ";sid=" SECRET);
    if (how == 7)
        writer_literal(&text, "<input value=\"" SECRET "\" name='password'>");
    put(&w, how, writer_slice(&text), bytes_max);
    check(&w, bytes_max);
    return 0;
}
