/* Lists of fields from an HTTP/2 origin: what is accepted, and the word for what is not; and the
 * lists that we write. */
#include <errno.h>

#include "base/test.h"
#include "wire/h2_response.h"
#include "wire/h2_write.h"

static const struct h1_limits limits = { 1000, 500, 8192, 100 };
static struct field storage[100];

/* "name\tvalue\n..."; values may hold anything but '\n'. */
static struct fields list_of(slice text)
{
    struct fields list = { .items = storage, .capacity = ARRAY_LENGTH(storage) };
    while (text.len) {
        size_t end = slice_find_byte(text, '\n');
        slice line = slice_first(text, end);
        size_t tab = slice_find_byte(line, '\t');
        assert_int_equal(
            fields_add(&list, slice_first(line, tab), slice_after(line, tab + 1), FIELD_OTHER), 0);
        text = slice_after(text, end + 1);
    }
    return list;
}

#define OK(fields) SLICE(":status\t200\n" fields)

static const struct {
    const char *rfc;
    slice list;
    const char *reason;
} refused[] = {
    { "9113 §8.3.2", SLICE(""), "h2.pseudo-field" },
    { "9113 §8.3.2", SLICE("x\ta\n"), "h2.pseudo-field" },
    { "9113 §8.3", SLICE("x\ta\n:status\t200\n"), "h2.pseudo-field" },
    { "9113 §8.3.2", OK(":status\t200\n"), "h2.pseudo-field" },
    { "9113 §8.3", OK(":path\t/\n"), "h2.pseudo-field" },
    { "9113 §8.3", OK(":\tx\n"), "h2.pseudo-field" },
    { "9113 §8.3", SLICE(":method\tGET\n:status\t200\n"), "h2.pseudo-field" },
    { "9113 §8.3.2", SLICE(":Status\t200\n"), "h2.pseudo-field" },
    { "9110 §15", SLICE(":status\t\n"), "h2.status" },
    { "9110 §15", SLICE(":status\t20\n"), "h2.status" },
    { "9110 §15", SLICE(":status\t2000\n"), "h2.status" },
    { "9110 §15", SLICE(":status\t+20\n"), "h2.status" },
    { "9110 §15", SLICE(":status\t 200\n"), "h2.status" },
    { "9110 §15", SLICE(":status\t200 OK\n"), "h2.status" },
    { "9110 §15", SLICE(":status\t099\n"), "h2.status" },
    { "9110 §15", SLICE(":status\t600\n"), "h2.status" },
    { "9113 §8.6", SLICE(":status\t101\n"), "h2.status" },
    { "9113 §8.2", OK("X\ta\n"), "h2.field-name" },
    { "9113 §8.2", OK("content-Length\t5\n"), "h2.field-name" },
    { "9113 §8.2.1", OK("\ta\n"), "h2.field-name" },
    { "9113 §8.2.1", OK("a b\ta\n"), "h2.field-name" },
    { "9113 §8.2.1", OK("a:b\ta\n"), "h2.field-name" },
    { "9113 §8.2.1", OK("a\x7f\ta\n"), "h2.field-name" },
    { "9113 §8.2.1", OK("\xc3\xa4\ta\n"), "h2.field-name" },
    { "9113 §8.2.1", OK("a\r\ta\n"), "h2.field-name" },
    { "9113 §8.2.1", OK("x\t a\n"), "h2.field-value" },
    { "9113 §8.2.1", OK("x\ta \n"), "h2.field-value" },
    { "9113 §8.2.1", OK("x\t\ta\n"), "h2.field-value" },
    { "9113 §8.2.1", OK("x\ta\t\n"), "h2.field-value" },
    { "9113 §8.2.1", OK("x\ta\rb\n"), "h2.field-value" },
    { "9113 §8.2.1", OK("x\ta\0b\n"), "h2.field-value" },
    { "9110 §5.5", OK("x\ta\x01\n"), "h2.field-value" },
    { "9110 §5.5", OK("x\ta\x7f\n"), "h2.field-value" },
    { "9113 §8.2.2", OK("connection\tclose\n"), "h2.connection-field" },
    { "9113 §8.2.2", OK("connection\tx-foo\n"), "h2.connection-field" },
    { "9113 §8.2.2", OK("keep-alive\ttimeout=5\n"), "h2.connection-field" },
    { "9113 §8.2.2", OK("proxy-connection\tclose\n"), "h2.connection-field" },
    { "9113 §8.2.2", OK("transfer-encoding\tchunked\n"), "h2.connection-field" },
    { "9113 §8.2.2", OK("upgrade\twebsocket\n"), "h2.connection-field" },
    { "9113 §8.2.2", OK("te\ttrailers\n"), "h2.connection-field" },
    { "9110 §8.6", OK("content-length\t5\ncontent-length\t6\n"), "h1.content-length" },
    { "9110 §8.6", OK("content-length\t5, 5\n"), "h1.content-length" },
    { "9110 §8.6", OK("content-length\t+5\n"), "h1.content-length" },
    { "9110 §8.6", OK("content-length\t\n"), "h1.content-length" },
    { "9110 §8.6", OK("content-length\t18446744073709551616\n"), "h1.content-length" },
    { "9110 §8.6", SLICE(":status\t204\ncontent-length\t5\n"), "h1.body-forbidden" },
    { "9110 §8.6", SLICE(":status\t103\ncontent-length\t5\n"), "h1.body-forbidden" },
};

TEST(h2_response_is_refused_with_a_word)
{
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        struct fields list = list_of(refused[i].list);
        struct h2_question question = { .method = METHOD_GET };
        struct h1_response r;
        struct h1_error e = { 0 };
        int result = h2_response_parse(&list, &limits, &question, &r, &e);
        if (result != -EPROTO || strcmp(e.reason, refused[i].reason) != 0)
            fail_msg("RFC %s: %d, %s instead of %s for %.*s", refused[i].rfc, result, e.reason,
                     refused[i].reason, SLICE_ARGUMENTS(refused[i].list));
        assert_int_equal(e.status, 502);
    }
}

TEST(h2_response_framing_follows_the_question_and_the_stream)
{
    static const struct {
        slice list;
        enum method method;
        bool ends, websocket;
        int result;
        enum h1_framing framing;
        uint64_t length;
        bool has_length;
    } cases[] = {
        { OK(""), METHOD_GET, false, false, 0, H1_FRAMING_CHUNKED, 0, false },
        { OK(""), METHOD_GET, true, false, 0, H1_FRAMING_LENGTH, 0, false },
        { OK("content-length\t5\n"), METHOD_GET, false, false, 0, H1_FRAMING_LENGTH, 5, true },
        { OK("content-length\t0\n"), METHOD_GET, true, false, 0, H1_FRAMING_LENGTH, 0, true },
        { OK("content-length\t5\ncontent-length\t5\n"), METHOD_GET, false, false, 0,
          H1_FRAMING_LENGTH, 5, true },
        { OK("content-length\t5\n"), METHOD_GET, true, false, -EPROTO, 0, 0, false },
        { OK("content-length\t5\n"), METHOD_HEAD, true, false, 0, H1_FRAMING_NONE, 5, true },
        { OK(""), METHOD_HEAD, false, false, 0, H1_FRAMING_NONE, 0, false },
        { SLICE(":status\t304\ncontent-length\t5\n"), METHOD_GET, true, false, 0, H1_FRAMING_NONE,
          5, true },
        { SLICE(":status\t204\n"), METHOD_GET, true, false, 0, H1_FRAMING_NONE, 0, false },
        { SLICE(":status\t103\nlink\t<a>\n"), METHOD_GET, false, false, 0, H1_FRAMING_NONE, 0,
          false },
        { SLICE(":status\t100\n"), METHOD_GET, true, false, -EPROTO, 0, 0, false },
        { OK(""), METHOD_CONNECT, false, true, 0, H1_FRAMING_NONE, 0, false },
        { OK(""), METHOD_CONNECT, true, true, -EPROTO, 0, 0, false },
        { OK("content-length\t5\n"), METHOD_CONNECT, false, true, -EPROTO, 0, 0, false },
        { SLICE(":status\t403\n"), METHOD_CONNECT, true, true, 0, H1_FRAMING_LENGTH, 0, false },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct fields list = list_of(cases[i].list);
        struct h2_question question = { .method = cases[i].method,
                                        .ends_stream = cases[i].ends,
                                        .asked_websocket = cases[i].websocket };
        struct h1_response r;
        struct h1_error e = { 0 };
        assert_int_equal(h2_response_parse(&list, &limits, &question, &r, &e), cases[i].result);
        if (cases[i].result != 0)
            continue;
        assert_int_equal(r.framing, cases[i].framing);
        assert_int_equal(r.content_length, cases[i].length);
        assert_int_equal(r.has_length, cases[i].has_length);
        assert_int_equal(r.is_websocket, cases[i].websocket && r.status < 300);
        assert_int_equal(r.fields.count, list.count - 1);
        assert_int_equal(r.fields.capacity, list.capacity - 1);
        assert_ptr_equal(r.fields.items, list.items + 1);
    }
}

TEST(h2_response_respects_the_limits_of_heads)
{
    static char big[1200];
    struct h2_question question = { .method = METHOD_GET };
    struct h1_response r;
    struct h1_error e = { 0 };
    memset(big, 'a', sizeof big);
    struct fields list = list_of(OK(""));
    assert_int_equal(fields_add(&list, SLICE("x"), slice_of(big, 498), FIELD_OTHER), 0);
    assert_int_equal(h2_response_parse(&list, &limits, &question, &r, &e), -EMSGSIZE);
    assert_string_equal(e.reason, "h2.field-length");
    list = list_of(OK(""));
    for (int i = 0; i < 3; i++)
        assert_int_equal(fields_add(&list, SLICE("x"), slice_of(big, 400), FIELD_OTHER), 0);
    assert_int_equal(h2_response_parse(&list, &limits, &question, &r, &e), -EMSGSIZE);
    assert_string_equal(e.reason, "h2.head-length");
    assert_int_equal(e.status, 502);
}

TEST(h2_trailers_are_judged_and_lose_what_may_not_trail)
{
    static const struct {
        slice list;
        int result;
        uint32_t kept;
    } cases[] = {
        { SLICE("grpc-status\t0\ngrpc-message\t\n"), 0, 2 },
        { SLICE("x-checksum\tabc\n"), 0, 1 },
        { SLICE("content-length\t5\nhost\ta\nset-cookie\ta=b\nauthorization\tx\n"), 0, 0 },
        { SLICE("cache-control\tno-store\nif-match\t*\nvary\ta\nx\ty\n"), 0, 1 },
        { SLICE("x-forwarded-for\t1.2.3.4\nserver\tx\n"), 0, 0 },
        { SLICE(":status\t200\n"), -EPROTO, 0 },
        { SLICE("Grpc-Status\t0\n"), -EPROTO, 0 },
        { SLICE("x\t a\n"), -EPROTO, 0 },
        { SLICE("transfer-encoding\tchunked\n"), -EPROTO, 0 },
        { SLICE("connection\tclose\n"), -EPROTO, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct fields list = list_of(cases[i].list);
        struct h1_error e = { 0 };
        uint32_t kept = 0;
        assert_int_equal(h2_trailers_parse(&list, &limits, &e), cases[i].result);
        for (uint32_t j = 0; j < list.count; j++)
            kept += !list.items[j].dropped;
        if (cases[i].result == 0)
            assert_int_equal(kept, cases[i].kept);
        else
            assert_int_equal(e.status, 502);
    }
}

/* "name=value;" of what is written. */
static slice shown(const struct fields *list)
{
    static char memory[2048];
    struct writer w = writer_over(memory, sizeof memory);
    for (uint32_t i = 0; i < list->count; i++) {
        writer_slice_add(&w, list->items[i].name);
        writer_byte(&w, '=');
        writer_slice_add(&w, list->items[i].value);
        writer_byte(&w, ';');
    }
    return writer_slice(&w);
}

TEST(h2_request_has_its_pseudo_fields_in_front_and_nothing_of_the_connection)
{
    static struct field written[100];
    char memory[256];
    struct writer names = writer_over(memory, sizeof memory);
    struct fields list = { .items = written, .capacity = ARRAY_LENGTH(written) };
    struct fields fs =
        list_of(SLICE("Host\ta\nX-Foo\tBar \nConnection\tx\nUpgrade\twebsocket\n"
                      "Keep-Alive\t5\nTE\ttrailers\nTransfer-Encoding\tchunked\n"
                      "Proxy-Connection\tx\nHTTP2-Settings\tAA\nCookie\ta=b; c=d\n"));
    struct h2_request_line line = { .method = SLICE("GET"),
                                    .scheme = SLICE("http"),
                                    .authority = SLICE("a:1"),
                                    .path = SLICE("/p?q") };
    assert_int_equal(h2_write_request(&list, &names, &line, &fs), 0);
    assert_slice_equal(shown(&list), SLICE(":method=GET;:scheme=http;:authority=a:1;:path=/p?q;"
                                           "x-foo=Bar;cookie=a=b; c=d;"));
    list.count = 0;
    line.protocol = SLICE("websocket");
    line.method = SLICE("CONNECT");
    line.authority = SLICE("");
    fs = list_of(SLICE("x\ty\n"));
    fs.items[0].dropped = true;
    assert_int_equal(h2_write_request(&list, &names, &line, &fs), 0);
    assert_slice_equal(shown(&list),
                       SLICE(":method=CONNECT;:protocol=websocket;:scheme=http;:path=/p?q;"));
}

TEST(h2_lists_that_do_not_fit_are_refused)
{
    static struct field written[4];
    char memory[4];
    struct writer names = writer_over(memory, sizeof memory);
    struct fields list = { .items = written, .capacity = 1 };
    struct fields fs = list_of(SLICE("x\ty\nz\ty\n"));
    assert_int_equal(h2_write_fields(&list, &names, &fs), -EMSGSIZE);
    fs = list_of(SLICE("long-name\ty\n"));
    list = (struct fields){ .items = written, .capacity = 4 };
    assert_int_equal(h2_write_fields(&list, &names, &fs), -EMSGSIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h2_response_is_refused_with_a_word),
        cmocka_unit_test(h2_response_framing_follows_the_question_and_the_stream),
        cmocka_unit_test(h2_response_respects_the_limits_of_heads),
        cmocka_unit_test(h2_trailers_are_judged_and_lose_what_may_not_trail),
        cmocka_unit_test(h2_request_has_its_pseudo_fields_in_front_and_nothing_of_the_connection),
        cmocka_unit_test(h2_lists_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
