/* What an HTTP/2 origin sends, any bytes in any pieces, to a connection with two requests on it:
 * the session never reads or writes where it must not, what it accepts is what the rules allow, and
 * nothing is left of it in the end. The first byte chooses the size of the pieces. */
#include "base/fuzz.h"
#include "proxy/h2_stream.h"
#include "wire/h2_response.h"

#define FIELDS_MAX 64u

static const struct h2_settings settings = { .stream_window = 1u << 16,
                                             .head_bytes_max = 4096,
                                             .head_fields_max = FIELDS_MAX,
                                             .heads_max = 4,
                                             .stall_ms = 1000 };
static const struct h2_events events = { 0 };

static struct h2_stream *ask(struct h2_session *s, bool ends)
{
    struct field items[4];
    struct fields list = { .items = items, .capacity = ARRAY_LENGTH(items) };
    struct h2_stream *stream;
    bool fits = fields_add(&list, SLICE(":method"), SLICE("GET"), FIELD_OTHER) == 0 &&
                fields_add(&list, SLICE(":scheme"), SLICE("http"), FIELD_OTHER) == 0 &&
                fields_add(&list, SLICE(":authority"), SLICE("a"), FIELD_OTHER) == 0 &&
                fields_add(&list, SLICE(":path"), SLICE("/"), FIELD_OTHER) == 0;
    ASSERT(fits);
    ASSERT(h2_stream_request(s, &list, ends, &stream) == 0);
    return stream;
}

/* What the writer would send goes nowhere. */
static void send_all(struct h2_session *s)
{
    const uint8_t *bytes;
    while (nghttp2_session_mem_send(s->nghttp2, &bytes) > 0)
        ;
}

static void take_heads(struct h2_stream *stream)
{
    static struct field items[FIELDS_MAX];
    static const struct h1_limits limits = { 4096, 2048, 2048, FIELDS_MAX };
    while (stream->head_count) {
        OWNS(h2_head_drop) struct h2_head head = h2_stream_take_head(stream);
        struct h2_question question = { .method = METHOD_GET, .ends_stream = head.ends_stream };
        struct fields list = { .items = items, .capacity = FIELDS_MAX };
        struct h1_response response;
        struct h1_error error = { 0 };
        ASSERT(head.too_large || h2_head_fields(&head, &list) == 0);
        if (!head.too_large &&
            h2_response_parse(&list, &limits, &question, &response, &error) == 0 &&
            response.status >= 200 && response.framing == H1_FRAMING_LENGTH)
            stream->expected = response.content_length;
    }
}

/* Never more than was announced. */
static void take_body(struct h2_stream *stream)
{
    struct body_source *source = &stream->source;
    struct pieces p;
    do {
        p.count = 0;
        p.bytes = 0;
        if (source->operations->take(source, &p) != 0)
            return;
        ASSERT(source->decoded <= stream->expected);
        ASSERT(!source->ended || stream->expected == UINT64_MAX ||
               source->decoded == stream->expected);
        source->operations->release(source);
    } while (p.count == PIECES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slice input = fuzz_input(bytes, count);
    struct socket socket = SOCKET_CLOSED;
    struct h2_session s;
    size_t step = input.len ? (unsigned char)input.ptr[0] + 1u : 1;
    int result = h2_session_open(&s, &socket, &settings, &events, NULL);
    ASSERT(result == 0);
    struct h2_stream *streams[2] = { ask(&s, true), ask(&s, false) };
    send_all(&s);
    for (input = slice_after(input, 1); input.len && result == 0;
         input = slice_after(input, step)) {
        result = h2_session_feed(&s, slice_first(input, step));
        for (size_t i = 0; i < ARRAY_LENGTH(streams); i++) {
            take_heads(streams[i]);
            take_body(streams[i]);
        }
        send_all(&s);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(streams); i++)
        h2_stream_release(streams[i]);
    h2_session_close(&s);
    ASSERT(buffer_bytes_in_use() == 0);
    return 0;
}
