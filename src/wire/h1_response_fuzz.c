/* A response head, to three kinds of question; what was accepted reads the same after it has been
 * written anew. */
#include "base/fuzz.h"
#include "wire/h1.h"

static const struct h1_limits limits = { 16384, 8192, 4096, 64 };

static void write(struct writer *w, const struct h1_response *r)
{
    h1_write_status_line(w, r->status);
    h1_write_fields(w, &r->fields);
    writer_literal(w, "\r\n");
    ASSERT(!w->overflowed);
}

static void check_again(const struct h1_response *first, const struct h1_question *question)
{
    static char once[65536], twice[65536];
    static struct field fields[64];
    struct writer w = writer_over(once, sizeof once), v = writer_over(twice, sizeof twice);
    struct h1_response second;
    struct h1_error error;
    if (first->status == 101) /* its Upgrade and Connection are the connection's own */
        return;
    write(&w, first);
    ASSERT(h1_response_parse(writer_slice(&w), &limits, fields, question, &second, &error) == 0);
    ASSERT(first->status == second.status && first->framing == second.framing);
    ASSERT(first->content_length == second.content_length);
    write(&v, &second);
    ASSERT(slice_equal(writer_slice(&w), writer_slice(&v)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const struct h1_question questions[] = {
        { .method = METHOD_GET },
        { .method = METHOD_HEAD },
        { .method = METHOD_GET,
          .asked_websocket = true,
          .websocket_key = { "dGhlIHNhbXBsZSBub25jZQ==", 24 } },
    };
    slice input = fuzz_input(bytes, count);
    size_t scanned = 0, length;
    if (h1_head_scan(input, &limits, &scanned, &length) != 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LENGTH(questions); i++) {
        static struct field fields[64];
        struct h1_response response;
        struct h1_error error = { 0 };
        if (h1_response_parse(slice_first(input, length), &limits, fields, &questions[i], &response,
                              &error) != 0) {
            ASSERT(error.status == 502 && error.reason);
            continue;
        }
        ASSERT(response.status >= 100 && response.status <= 599);
        ASSERT(response.status != 101 || response.is_websocket);
        ASSERT(questions[i].method != METHOD_HEAD || response.framing == H1_FRAMING_NONE);
        ASSERT(!response.keep_alive || response.framing != H1_FRAMING_CLOSE);
        check_again(&response, &questions[i]);
    }
    return 0;
}
