/* A list of fields from a client of HTTP/2, made from the input: each field is a byte that says how
 * long its name is, one for its value, and both. What was accepted is unambiguous in HTTP/1 too. */
#include "base/fuzz.h"
#include "wire/h2_request.h"
#include "wire/uri.h"

#define FIELDS_MAX 64u

static const struct h1_limits limits = { 16384, 8192, 4096, FIELDS_MAX };

static slice take(slice *input, size_t count)
{
    slice piece = slice_first(*input, count);
    *input = slice_after(*input, piece.len);
    return piece;
}

static void read_list(slice input, struct h2_request *list)
{
    while (input.len >= 2) {
        size_t name_length = (unsigned char)input.ptr[0],
               value_length = (unsigned char)input.ptr[1];
        input = slice_after(input, 2);
        slice name = take(&input, name_length), value = take(&input, value_length);
        h2_request_add(list, name, value);
    }
}

/* The same request in HTTP/1 reads as it was understood. */
static void check_in_h1(struct h1_request *r)
{
    static char bytes[65536];
    static struct field fields[FIELDS_MAX + 8];
    struct h1_limits room = { sizeof bytes, sizeof bytes, sizeof bytes, FIELDS_MAX + 8 };
    struct writer w = writer_over(bytes, sizeof bytes);
    struct h1_request again;
    struct h1_error error = { 0 };
    if (r->upgrades_to_websocket)
        return;
    h1_write_request_line(&w, r->method_text, r->target, slice_of(NULL, 0), false);
    h1_write_field(&w, SLICE("Host"), r->host);
    fields_drop(&r->fields, FIELD_HOST);
    h1_write_fields(&w, &r->fields);
    writer_literal(&w, "\r\n");
    ASSERT(!w.overflowed);
    ASSERT(h1_request_parse(writer_slice(&w), &room, fields, &again, &error) == 0);
    ASSERT(again.method == r->method && slice_equal(again.target, r->target));
    ASSERT(slice_equal(again.host, r->host));
    ASSERT(r->framing != H1_FRAMING_LENGTH || again.content_length == r->content_length);
    ASSERT(again.framing != H1_FRAMING_CHUNKED);
}

static void check_target(const struct h1_request *r)
{
    struct request_target target;
    const char *reason = NULL;
    if (r->method != METHOD_CONNECT && target_parse(r->target, r->method, &target, &reason) == 0)
        ASSERT(target.form == TARGET_ORIGIN || target.form == TARGET_ASTERISK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static struct field fields[FIELDS_MAX + 8];
    static char memory[65536];
    slice input = fuzz_input(bytes, count);
    struct arena arena;
    struct h1_request request;
    struct h2_request list;
    struct h1_error error = { 0 };
    struct h2_priority priority = { .urgency = 3 };
    bool ends_stream = take(&input, 1).len && (bytes[0] & 1);
    arena_open(&arena, memory, sizeof memory, 8192, 1u << 20);
    h2_request_begin(&list, &arena, &limits, fields, &request);
    read_list(input, &list);
    if (h2_request_end(&list, ends_stream, &error) == 0) {
        check_target(&request);
        check_in_h1(&request);
    } else {
        ASSERT(error.status >= 400 && error.reason && error.text);
    }
    h2_trailers_begin(&list, &limits);
    read_list(input, &list);
    ASSERT(h2_trailers_end(&list, ends_stream, &error) == 0 || error.reason);
    h2_priority_parse(input, &priority);
    ASSERT(priority.urgency <= 7);
    arena_close(&arena);
    return 0;
}
