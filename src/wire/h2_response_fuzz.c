/* A list of fields from an HTTP/2 origin, made from the input: each field is a byte that says how
 * long its name is, one for its value, and both. What was accepted is unambiguous in HTTP/1 too. */
#include "base/fuzz.h"
#include "wire/h2_response.h"
#include "wire/h2_write.h"

#define FIELDS_MAX 64u

static const struct h1_limits limits = { 16384, 8192, 4096, FIELDS_MAX };

static slice take(slice *input, size_t count)
{
    slice piece = slice_first(*input, count);
    *input = slice_after(*input, piece.len);
    return piece;
}

static void read_list(slice input, struct fields *list)
{
    while (input.len >= 2 && list->count < FIELDS_MAX) {
        size_t name_length = (unsigned char)input.ptr[0],
               value_length = (unsigned char)input.ptr[1];
        input = slice_after(input, 2);
        slice name = take(&input, name_length), value = take(&input, value_length);
        if (fields_add(list, name, value, FIELD_OTHER) != 0)
            return;
    }
}

/* The same response in HTTP/1 reads as it was understood. */
static void check_in_h1(const struct h1_response *r)
{
    static char bytes[65536];
    static struct field fields[FIELDS_MAX];
    struct writer w = writer_over(bytes, sizeof bytes);
    struct h1_question question = { .method = METHOD_GET };
    struct h1_response again;
    struct h1_error error = { 0 };
    if (r->is_websocket)
        return;
    h1_write_status_line(&w, r->status);
    h1_write_fields(&w, &r->fields);
    writer_literal(&w, "\r\n");
    ASSERT(!w.overflowed);
    ASSERT(h1_response_parse(writer_slice(&w), &limits, fields, &question, &again, &error) == 0);
    ASSERT(again.status == r->status);
    ASSERT(!r->has_length || again.content_length == r->content_length);
}

static void check_trailers(struct fields *list)
{
    static char bytes[65536];
    static struct field fields[FIELDS_MAX];
    struct h1_error error = { 0 };
    struct writer w = writer_over(bytes, sizeof bytes);
    struct fields written = { .items = fields, .capacity = FIELDS_MAX };
    if (h2_trailers_parse(list, &limits, &error) != 0) {
        ASSERT(error.status == 502 && error.reason);
        return;
    }
    ASSERT(h2_write_fields(&written, &w, list) == 0);
    for (uint32_t i = 0; i < written.count; i++)
        ASSERT(written.items[i].id != FIELD_CONTENT_LENGTH &&
               written.items[i].id != FIELD_TRANSFER_ENCODING);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const struct h2_question questions[] = {
        { .method = METHOD_GET },
        { .method = METHOD_GET, .ends_stream = true },
        { .method = METHOD_HEAD, .ends_stream = true },
        { .method = METHOD_CONNECT, .asked_websocket = true },
    };
    slice input = fuzz_input(bytes, count);
    static struct field storage[FIELDS_MAX];
    for (size_t i = 0; i < ARRAY_LENGTH(questions); i++) {
        struct fields list = { .items = storage, .capacity = FIELDS_MAX };
        struct h1_response response;
        struct h1_error error = { 0 };
        read_list(input, &list);
        if (h2_response_parse(&list, &limits, &questions[i], &response, &error) != 0) {
            ASSERT(error.status == 502 && error.reason);
            continue;
        }
        ASSERT(response.status >= 100 && response.status <= 599 && response.status != 101);
        ASSERT(response.framing != H1_FRAMING_CLOSE);
        ASSERT(!questions[i].ends_stream || response.framing != H1_FRAMING_CHUNKED);
        check_in_h1(&response);
    }
    struct fields list = { .items = storage, .capacity = FIELDS_MAX };
    read_list(input, &list);
    check_trailers(&list);
    return 0;
}
