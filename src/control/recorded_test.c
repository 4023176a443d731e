/* Records of exchanges: what is in them comes out again, and what a hostile worker or a file may
 * have put there leads nowhere. */
#include <errno.h>

#include "base/test.h"
#include "base/writer.h"
#include "control/recorded.h"

#define WHOLE                                                                                      \
    "\"client\":\"192.0.2.7\",\"client_port\":4711,\"listener\":\":80\",\"scheme\":\"http\","      \
    "\"time\":\"2026-11-26T00:00:00.000Z\",\"time_ms\":17"

static struct arena arena;

static int set_up(UNUSED void **state)
{
    arena_open(&arena, NULL, 0, 65536, 16u << 20);
    return 0;
}

static int tear_down(UNUSED void **state)
{
    arena_close(&arena);
    return 0;
}

static int read_text(const char *text, json_t **ret_json, struct recorded *ret)
{
    *ret_json = json_loads(text, JSON_ALLOW_NUL, NULL);
    assert_non_null(*ret_json);
    return recorded_read(*ret_json, &arena, ret);
}

TEST(every_byte_of_a_request_comes_out_as_it_went_in)
{
    char text[8192];
    struct writer w = writer_over(text, sizeof text - 1);
    struct recorded r;
    json_t *json;
    writer_literal(&w, "{\"id\":\"A\"," WHOLE ",\"request\":{\"head\":\"");
    for (unsigned byte = 0; byte < 256; byte++)
        writer_format(&w, "\\u%04x", byte);
    writer_literal(&w, "\",\"body\":\"\\u00ff\\u0000b\",\"body_bytes\":9,\"body_is_cut\":true,"
                       "\"masked\":[\"cookie a\",\"arg b\"]}}");
    text[w.len] = '\0';
    assert_int_equal(read_text(text, &json, &r), 0);
    assert_int_equal(r.request.head.len, 256);
    for (unsigned byte = 0; byte < 256; byte++)
        assert_int_equal((unsigned char)r.request.head.ptr[byte], byte);
    assert_int_equal(r.request.body.len, 3);
    assert_memory_equal(r.request.body.ptr, "\xff\0b", 3);
    assert_int_equal(r.request.body_bytes, 9);
    assert_int_equal(r.request.client_port, 4711);
    assert_int_equal(r.request.now_ms, 17);
    assert_true(r.body_is_cut && !r.body_is_missing && !r.head_is_cut);
    assert_int_equal(r.masked, 2);
    json_decref(json);
}

TEST(what_was_decided_is_read)
{
    struct recorded r;
    json_t *json;
    assert_int_equal(
        read_text(
            "{\"id\":\"A\"," WHOLE
            ",\"generation\":3,\"configuration\":\"ab\",\"status\":403,\"reason\":\"waf.leak\","
            "\"fault\":\"policy\",\"server\":\"127.0.0.1:1\",\"site\":\"a.test\",\"route\":\"/"
            "\\u00c3\\u00a4\",\"waf\":{\"verdict\":\"refused\",\"rules\":[{\"id\":1,\"phase\":2},"
            "{\"id\":2,\"phase\":4}]},\"bytes_in\":99,\"request\":{\"head\":\"GET / "
            "HTTP/1.1\\r\\n\\r\\n\",\"body_is_missing\":true}}",
            &json, &r),
        0);
    assert_true(r.has_server && r.has_responses && !r.would_refuse && r.body_is_missing);
    assert_int_equal(r.status, 403);
    assert_int_equal(r.generation, 3);
    assert_int_equal(r.request.body_bytes, 99);
    assert_true(slice_equal(r.reason, SLICE("waf.leak")));
    assert_true(slice_equal(r.line, SLICE("GET / HTTP/1.1")));
    assert_true(slice_equal(r.route, SLICE("/\xc3\xa4")));
    json_decref(json);
}

#define REQUEST "\"request\":{\"head\":\"GET / HTTP/1.1\\r\\n\\r\\n\"}"

TEST(the_head_of_a_response_is_read_where_all_of_it_is_there)
{
    static const struct {
        const char *text, *head;
        uint32_t masked;
    } cases[] = {
        { "", "", 0 },
        { ",\"origin_response\":7", "", 0 },
        { ",\"origin_response\":{\"body\":\"x\",\"masked\":[\"json a\"]}", "", 0 },
        { ",\"origin_response\":{\"head\":\"HTTP/1.1 500 \\u00e4\\r\\nA: b\\r\\n\\r\\n\","
          "\"masked\":[\"cookie a\"]}",
          "HTTP/1.1 500 \xe4\r\nA: b\r\n\r\n", 1 },
        { ",\"origin_response\":{\"head\":\"HTTP/1.1 200 OK\\r\\n\",\"head_is_cut\":true,"
          "\"masked\":[\"cookie a\"]}",
          "", 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[1024];
        struct writer w = writer_over(text, sizeof text - 1);
        struct recorded r;
        json_t *json;
        writer_format(&w, "{\"id\":\"A\"," WHOLE "%s," REQUEST "}", cases[i].text);
        text[w.len] = '\0';
        assert_int_equal(read_text(text, &json, &r), 0);
        assert_slice_equal(r.request.response, slice_from(cases[i].head));
        assert_int_equal(r.response_masked, cases[i].masked);
        json_decref(json);
    }
}

TEST(what_is_no_record_is_refused)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "{\"id\":\"A\"," WHOLE "}",
        "{" WHOLE ",\"request\":{\"head\":\"x\"}}",
        "{\"id\":\"A\"," WHOLE ",\"request\":{\"head\":\"\"}}",
        "{\"id\":\"A\"," WHOLE ",\"request\":{\"head\":7}}",
        "{\"id\":\"A\"," WHOLE ",\"request\":[\"head\"]}",
        "{\"id\":\"A\"," WHOLE ",\"request\":{\"head\":\"\\u0100\"}}",
        "{\"id\":\"A\"," WHOLE ",\"request\":{\"head\":\"x\",\"body\":\"\\u20ac\"}}",
        "{\"id\":\"A\"," WHOLE "," REQUEST ",\"origin_response\":{\"head\":\"\\u0100\"}}",
        "{\"id\":\"A\",\"client\":\"nobody\",\"request\":{\"head\":\"x\"}}",
        ("{\"id\":\"A\",\"client\":\"192.0.2.7\",\"client_port\":65536,"
         "\"request\":{\"head\":\"x\"}}"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct recorded r;
        json_t *json;
        assert_int_equal(read_text(texts[i], &json, &r), -EINVAL);
        json_decref(json);
    }
}

TEST(lack_of_memory_is_told)
{
    struct recorded r;
    json_t *json;
    arena_close(&arena);
    arena_open(&arena, NULL, 0, 16, 16);
    assert_int_equal(read_text("{\"id\":\"A\"," WHOLE ",\"request\":{\"head\":\"GET / "
                               "HTTP/1.1\\r\\n\\r\\n\"}}",
                               &json, &r),
                     -ENOMEM);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_byte_of_a_request_comes_out_as_it_went_in, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_decided_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_head_of_a_response_is_read_where_all_of_it_is_there,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_record_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lack_of_memory_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
