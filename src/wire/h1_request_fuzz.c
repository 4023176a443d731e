/* A request head: nothing outside the input, the judgement of a naive second reading, and what was
 * accepted reads the same after it has been written anew. */
#include <errno.h>

#include "base/fuzz.h"
#include "wire/h1_reference.h"

static const struct h1_limits limits = { 16384, 8192, 4096, 64 };

static void check_inside(slice whole, slice part)
{
    ASSERT(part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void write(struct writer *w, const struct h1_request *r)
{
    h1_write_request_line(w, r->method_text, r->target, slice_of(NULL, 0), false);
    h1_write_fields(w, &r->fields);
    writer_literal(w, "\r\n");
    ASSERT(!w->overflowed);
}

/* What is written reads as the same request, and is written the same way again. */
static void check_again(const struct h1_request *first)
{
    static char once[65536], twice[65536];
    static struct field fields[64];
    struct writer w = writer_over(once, sizeof once), v = writer_over(twice, sizeof twice);
    struct h1_request second;
    struct h1_error error;
    size_t scanned = 0, length;
    write(&w, first);
    ASSERT(h1_head_scan(writer_slice(&w), &limits, &scanned, &length) == 0 && length == w.len);
    if (h1_request_parse(writer_slice(&w), &limits, fields, &second, &error) != 0) {
        ASSERT(first->minor_version == 0 && first->host.len == 0);
        return;
    }
    ASSERT(slice_equal(first->target, second.target) && first->method == second.method);
    ASSERT(slice_equal(first->host, second.host) && first->framing == second.framing);
    ASSERT(first->content_length == second.content_length);
    write(&v, &second);
    ASSERT(slice_equal(writer_slice(&w), writer_slice(&v)));
}

/* A naive second reading of the RFC comes to the same judgement. */
static void check_reference(slice head, int result, const struct h1_request *request,
                            const struct h1_error *error)
{
    static struct reference reference;
    if (result == -EMSGSIZE || (result != 0 && strncmp(error->reason, "websocket.", 10) == 0))
        return;
    ASSERT(reference_reads(head, &reference) == (result == 0));
    ASSERT(result != 0 || !reference_difference(&reference, request));
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
    int result = h1_request_parse(head, &limits, fields, &request, &error);
    check_reference(head, result, &request, &error);
    if (result != 0) {
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
