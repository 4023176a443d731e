/* Records of exchanges as the admin socket or a file tells them: whatever stands there, what is
 * read of it lies inside, and fits the bounds that `whatif` relies on. */
#include "control/recorded.h"

#include <errno.h>

#include "base/fuzz.h"

enum { MEMORY_BYTES = 1 << 20 };

/* Each byte is read, so that a sanitizer sees one that is not there. */
static size_t sum(slice s)
{
    size_t total = 0;
    ASSERT(s.len == 0 || s.ptr);
    for (size_t i = 0; i < s.len; i++)
        total += (unsigned char)s.ptr[i];
    return total;
}

static void check(const struct recorded *r)
{
    const slice all[] = { r->request.head,   r->request.body, r->request.response,
                          r->request.scheme, r->request.ja4,  r->request.h2,
                          r->request.id,     r->id,           r->time,
                          r->listener,       r->line,         r->reason,
                          r->fault,          r->site,         r->route,
                          r->configuration };
    size_t total = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        total += sum(all[i]);
    ASSERT(total <= 255u * MEMORY_BYTES);
    ASSERT(r->request.head.len > 0 && r->line.len <= r->request.head.len);
    ASSERT(slice_find_byte(r->line, '\r') == r->line.len);
}

static void read_json(slice input, struct arena *a)
{
    struct recorded r;
    json_t *json = json_loadb(input.ptr, input.len, JSON_ALLOW_NUL, NULL);
    int result = json ? recorded_read(json, a, &r) : -EINVAL;
    ASSERT(result == 0 || result == -EINVAL || result == -ENOMEM);
    if (result == 0) {
        ASSERT(r.id.len > 0);
        check(&r);
    }
    json_decref(json);
}

static void read_wire(slice input, struct arena *a)
{
    struct recorded r;
    int result = recorded_from_wire(input, a, &r);
    ASSERT(result == 0 || result == -EINVAL || result == -E2BIG || result == -ENOMEM);
    if (result == 0)
        check(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct arena a;
    slice input = fuzz_input(bytes, count);
    arena_open(&a, NULL, 0, 16u << 10, MEMORY_BYTES);
    read_json(input, &a);
    read_wire(input, &a);
    arena_close(&a);
    return 0;
}
