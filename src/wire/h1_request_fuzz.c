/* A request head: nothing outside the input, and what was accepted reads the same after it has been
 * written anew. */
#include "base/fuzz.h"
#include "wire/h1.h"

static const struct h1_limits limits = { 16384, 8192, 4096, 64 };

static void check_inside(slice whole, slice part)
{
    ASSERT(part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void check_again(const struct h1_request *first)
{
    static char memory[65536];
    static struct field fields[64];
    struct writer w = writer_over(memory, sizeof memory);
    struct h1_request second;
    struct h1_error error;
    size_t scanned = 0, length;
    h1_write_request_line(&w, first->method_text, first->target, slice_of(NULL, 0), false);
    h1_write_fields(&w, &first->fields);
    writer_literal(&w, "\r\n");
    ASSERT(!w.overflowed);
    ASSERT(h1_head_scan(writer_slice(&w), &limits, &scanned, &length) == 0 && length == w.len);
    int result = h1_request_parse(writer_slice(&w), &limits, fields, &second, &error);
    if (result != 0) /* dropped fields can only have been Host's company in HTTP/1.0 */
        ASSERT(first->minor_version == 0);
    else
        ASSERT(slice_equal(first->target, second.target) && first->method == second.method);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slice input = fuzz_input(bytes, count);
    static struct field fields[64];
    struct h1_request request;
    struct h1_error error = { 0 };
    size_t scanned = 0, length;
    if (h1_head_scan(input, &limits, &scanned, &length) != 0)
        return 0;
    ASSERT(length <= input.len && length <= limits.head_bytes_max);
    slice head = slice_first(input, length);
    if (h1_request_parse(head, &limits, fields, &request, &error) != 0) {
        ASSERT(error.status >= 400 && error.status <= 505 && error.reason && error.text);
        return 0;
    }
    check_inside(head, request.method_text);
    check_inside(head, request.target);
    for (uint32_t i = 0; i < request.fields.count; i++) {
        check_inside(head, request.fields.items[i].name);
        check_inside(head, request.fields.items[i].value);
        ASSERT(field_name_is_token(request.fields.items[i].name));
        ASSERT(field_value_is_valid(request.fields.items[i].value));
    }
    check_again(&request);
    return 0;
}
