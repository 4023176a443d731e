#include "base/test.h"

#include <errno.h>

#include "request.h"

TEST(a_whole_request_can_be_sent)
{
    static const slice good[] = {
        SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        SLICE("GET /a?b=c HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"),
        SLICE("POST /sink HTTP/1.1\r\nHost: a\r\ncontent-length: 3\r\n\r\na=b"),
        SLICE("POST /sink HTTP/1.1\r\nContent-Length: 4\r\n\r\n\r\n\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
        assert_null(request_problem(good[i]));
}

TEST(what_is_wrong_with_a_request_is_told)
{
    static const struct {
        slice bytes;
        const char *problem;
    } bad[] = {
        { SLICE(""), "its head has no end" },
        { SLICE("GET / HTTP/1.1\r\nHost: a\r\n"), "its head has no end" },
        { SLICE("GET / HTTP/1.1\nHost: a\n\n"), "its head has no end" },
        { SLICE("GET / HTTP/1.0\r\n\r\n"), "its first line is not METHOD /TARGET HTTP/1.1" },
        { SLICE("GET http://a/ HTTP/1.1\r\n\r\n"),
          "its first line is not METHOD /TARGET HTTP/1.1" },
        { SLICE("GET / HTTP/1.1\r\nHost a\r\n\r\n"), "a line of the head is no field" },
        { SLICE("GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n"), "a line of the head is no field" },
        { SLICE("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"), "it must keep its connection" },
        { SLICE("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"), "Content-Length is no number" },
        { SLICE("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"),
          "it has two Content-Length" },
        { SLICE("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
          "its body must have a Content-Length" },
        { SLICE("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"),
          "its body is not as long as Content-Length says" },
        { SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\nab"),
          "its body is not as long as Content-Length says" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_string_equal(request_problem(bad[i].bytes), bad[i].problem);
}

TEST(a_file_that_is_not_there_is_an_error)
{
    slice bytes;
    assert_int_equal(request_read("/nonexistent/request", &bytes), -ENOENT);
}

TEST(each_request_is_another_where_it_has_marks)
{
    char bytes[] = "GET /?q=eachtime HTTP/1.1\r\nCookie: s=eachuser; t=eachtim\r\n\r\n";
    struct request_marks marks;
    slice all = slice_of(bytes, sizeof(bytes) - 1);
    assert_int_equal(request_marks_find(all, &marks), 0);
    assert_int_equal(marks.count, 2);
    request_vary(bytes, &marks, 1);
    assert_string_equal(bytes,
                        "GET /?q=9e3779b1 HTTP/1.1\r\nCookie: s=61c8864f; t=eachtim\r\n\r\n");
    request_vary(bytes, &marks, REQUESTS_EACH - 1);
    assert_memory_equal(strchr(bytes, 's') + 2, "61c8864f", MARK_BYTES);
    request_vary(bytes, &marks, REQUESTS_EACH);
    assert_memory_not_equal(strchr(bytes, 's') + 2, "61c8864f", MARK_BYTES);
    assert_null(request_problem(all));
}

TEST(a_request_has_so_many_marks_at_most)
{
    static char bytes[(MARKS_MAX + 1) * MARK_BYTES];
    static struct request_marks marks;
    for (size_t i = 0; i < sizeof(bytes); i += MARK_BYTES)
        memcpy(bytes + i, REQUEST_MARK, MARK_BYTES);
    assert_int_equal(request_marks_find(slice_of(bytes, sizeof(bytes) - MARK_BYTES), &marks), 0);
    assert_int_equal(marks.count, MARKS_MAX);
    assert_int_equal(request_marks_find(slice_of(bytes, sizeof(bytes)), &marks), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_is_another_where_it_has_marks),
        cmocka_unit_test(a_request_has_so_many_marks_at_most),
        cmocka_unit_test(a_whole_request_can_be_sent),
        cmocka_unit_test(what_is_wrong_with_a_request_is_told),
        cmocka_unit_test(a_file_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
