/* The small grammars: whatever comes, slices stay inside and walks end. */
#include "base/fuzz.h"
#include "wire/accept.h"
#include "wire/cookie.h"
#include "wire/date.h"
#include "wire/field.h"
#include "wire/forwarded.h"
#include "wire/ipv6.h"
#include "wire/proxy_protocol.h"
#include "wire/query.h"

static void inside(slice whole, slice part)
{
    ASSERT(part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void walk(slice input)
{
    slice rest = input, element;
    struct forwarded_element elements[4];
    struct cookie_pair cookie;
    struct query_pair query;
    while (cookie_next(&rest, &cookie))
        inside(input, cookie.value);
    for (rest = input; query_next(&rest, &query);)
        inside(input, query.value);
    for (rest = input; list_next(&rest, &element);)
        inside(input, element);
    for (rest = input; forwarded_for_last(&rest, &element);)
        inside(input, element);
    uint32_t count = forwarded_elements(input, elements, ARRAY_LENGTH(elements));
    ASSERT(count <= ARRAY_LENGTH(elements));
    for (uint32_t i = 0; i < count; i++) {
        inside(input, elements[i].node);
        inside(input, elements[i].proto);
    }
    (void)accept_prefers_json(input);
}

static void check_proxy_header(slice input)
{
    struct proxy_addresses a, again;
    size_t used;
    char memory[PROXY_HEADER_BYTES_MAX];
    if (proxy_protocol_parse(input, &a, &used) != 0)
        return;
    ASSERT(used <= input.len);
    struct writer w = writer_over(memory, sizeof memory);
    proxy_protocol_write_v2(&w, &a);
    ASSERT(!w.overflowed);
    ASSERT(proxy_protocol_parse(writer_slice(&w), &again, &used) == 0 && used == w.len);
    ASSERT(a.is_local == again.is_local && memcmp(a.source, again.source, 16) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slice input = fuzz_input(bytes, count);
    int64_t seconds;
    uint8_t ip[16], again[16];
    char memory[64];
    struct writer w = writer_over(memory, sizeof memory);
    walk(input);
    check_proxy_header(input);
    if (http_date_parse(input, 1795000000, &seconds) == 0) {
        http_date_write(&w, seconds);
        int64_t same;
        ASSERT(http_date_parse(writer_slice(&w), 1795000000, &same) == 0 && same == seconds);
    }
    w = writer_over(memory, sizeof memory);
    if (ipv6_parse(input, ip) == 0) {
        ipv6_write(&w, ip);
        ASSERT(ipv6_parse(writer_slice(&w), again) == 0 && memcmp(ip, again, 16) == 0);
    }
    return 0;
}
