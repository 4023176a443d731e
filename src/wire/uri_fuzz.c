/* Targets, paths and authorities: the canonical form is a fixed point and holds nothing ambiguous.
 */
#include "base/fuzz.h"
#include "wire/bytes.h"
#include "wire/uri.h"

static void check_path(slice raw, enum slash_policy slashes)
{
    static char first[16384], second[16384];
    struct path_options options = { slashes, true };
    const char *reason = NULL;
    struct writer a = writer_over(first, sizeof first), b = writer_over(second, sizeof second);
    if (path_canonicalize(raw, &options, &a, &reason) != 0)
        return;
    slice path = writer_slice(&a);
    ASSERT(path.len > 0 && path.ptr[0] == '/');
    ASSERT(slice_find(path, SLICE("/../")) == path.len &&
           slice_find(path, SLICE("/./")) == path.len);
    ASSERT(slice_find(path, SLICE("//")) == path.len);
    ASSERT(!slice_ends_with(path, SLICE("/..")) && !slice_ends_with(path, SLICE("/.")));
    for (size_t i = 0; i < path.len; i++)
        ASSERT(byte_is(path.ptr[i], BYTE_PATH) || path.ptr[i] == '%');
    int again = path_canonicalize(path, &options, &b, &reason);
    ASSERT(again == 0 && slice_equal(path, writer_slice(&b)));
    struct writer other = writer_over(second, path.len); /* never longer */
    if (path_read_otherwise(path, &other) != 0)
        return;
    slice reading = writer_slice(&other);
    ASSERT(path_has_other_reading(path) || slice_equal(path, reading));
    ASSERT(memchr(reading.ptr, ';', reading.len) == NULL);
    ASSERT(slice_find(reading, SLICE("//")) == reading.len);
}

static void check_authority(slice text)
{
    struct authority a, again;
    char host[HOST_BYTES_MAX + 1];
    struct writer w = writer_over(host, sizeof host);
    if (authority_parse(text, &a) != 0)
        return;
    authority_write_host(&w, &a);
    ASSERT(!w.overflowed && w.len > 0);
    if (a.is_ipv6)
        return;
    ASSERT(authority_parse(writer_slice(&w), &again) == 0 && !again.has_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slice input = slice_first(fuzz_input(bytes, count), 4096);
    struct request_target target;
    const char *reason = NULL;
    check_authority(input);
    if (!bytes_are(input, BYTE_TARGET))
        return 0;
    static const enum method methods[] = { METHOD_GET, METHOD_OPTIONS, METHOD_CONNECT };
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
        if (target_parse(input, methods[i], &target, &reason) != 0) {
            ASSERT(reason);
            continue;
        }
        if (target.form == TARGET_ASTERISK || target.form == TARGET_AUTHORITY)
            continue;
        check_path(target.path, SLASH_REFUSE);
        check_path(target.path, SLASH_DECODE);
        check_path(target.path, SLASH_KEEP);
    }
    return 0;
}
