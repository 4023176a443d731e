/* A client's first flight: every slice lies inside what was gathered, and all extensions can be
 * walked again. */
#include <errno.h>

#include "base/fuzz.h"
#include "base/panic.h"
#include "wire/ja4.h"

static void check_inside(slice whole, slice part)
{
    ASSERT(part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static char room[CLIENT_HELLO_BYTES_MAX];
    slice input = fuzz_input(bytes, count), message, extension;
    struct client_hello hello;
    uint16_t type;
    if (client_hello_gather(input, room, &message) != 0)
        message = input;
    if (client_hello_parse(message, &hello) != 0)
        return 0;
    check_inside(message, hello.server_name);
    check_inside(message, hello.alpn);
    check_inside(message, hello.ciphers);
    check_inside(message, hello.session_id);
    check_inside(message, hello.supported_versions);
    check_inside(message, hello.signature_algorithms);
    slice rest = hello.extensions;
    while (rest.len) {
        ASSERT(client_hello_extension(&rest, &type, &extension));
        check_inside(message, extension);
    }
    char ja4[JA4_BYTES];
    int result = ja4_write(&hello, ja4);
    ASSERT(result == 0 ? ja4_is_valid(slice_of(ja4, sizeof ja4)) : result == -E2BIG);
    return 0;
}
