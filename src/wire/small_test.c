/* The small grammars: cookies, queries, dates, forwarding, PROXY, Accept. */
#include <errno.h>
#include <stdlib.h>

#include "base/test.h"
#include "wire/accept.h"
#include "wire/bytes.h"
#include "wire/cookie.h"
#include "wire/date.h"
#include "wire/field.h"
#include "wire/forwarded.h"
#include "wire/h1.h"
#include "wire/proxy_protocol.h"
#include "wire/query.h"

/* Cookies: RFC 6265 §4.2.1. */
TEST(cookies_and_queries_are_walked)
{
    slice value;
    assert_true(cookie_find(SLICE("a=1; b=\"x=y\";; c"), SLICE("b"), &value));
    assert_slice_equal(value, SLICE("\"x=y\""));
    assert_true(cookie_find(SLICE("a=1; c"), SLICE("c"), &value));
    assert_slice_equal(value, SLICE(""));
    assert_false(cookie_find(SLICE("a=1"), SLICE("A"), &value));
    slice rest = SLICE("a=1&&b&c==");
    struct query_pair pair;
    assert_true(query_next(&rest, &pair));
    assert_true(query_next(&rest, &pair));
    assert_slice_equal(pair.name, SLICE("b"));
    assert_false(pair.has_value);
    assert_true(query_next(&rest, &pair));
    assert_slice_equal(pair.value, SLICE("="));
    assert_false(query_next(&rest, &pair));
    char memory[32];
    struct writer w = writer_over(memory, sizeof memory);
    query_decode(&w, SLICE("a+b%20c%zz%4"));
    assert_slice_equal(writer_slice(&w), SLICE("a b c%zz%4"));
}

TEST(dates_go_both_ways)
{
    char memory[HTTP_DATE_LENGTH];
    int64_t seconds, now = 1795000000;
    for (int64_t t = 0; t < 253402300799; t += 86399 * 977) {
        struct writer w = writer_over(memory, sizeof memory);
        http_date_write(&w, t);
        assert_int_equal(w.len, HTTP_DATE_LENGTH);
        assert_int_equal(http_date_parse(writer_slice(&w), now, &seconds), 0);
        assert_true(seconds == t);
    }
}

/* RFC 9110 §5.6.7: one format to write, three to read. */
TEST(dates_have_three_formats)
{
    static const struct {
        slice text;
        int64_t seconds; /* -1 refused */
    } cases[] = {
        { SLICE("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777 },
        { SLICE("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777 },
        { SLICE("Sun Nov  6 08:49:37 1994"), 784111777 },
        { SLICE("Thu, 01 Jan 1970 00:00:00 GMT"), 0 },
        { SLICE("Tue, 29 Feb 2000 23:59:60 GMT"), 951868800 },
        { SLICE("Fri, 31 Dec 9999 23:59:59 GMT"), 253402300799 },
        { SLICE("Friday, 01-Jan-27 00:00:00 GMT"), 1798761600 },
        { SLICE("Saturday, 01-Jan-77 00:00:00 GMT"), 220924800 }, /* 51 years ahead: the past */
        { SLICE("Sun Nov 16 08:49:37 1994"), 784975777 },
        { SLICE("Mon, 29 Feb 2100 00:00:00 GMT"), -1 },
        { SLICE("Sun, 31 Feb 1994 08:49:37 GMT"), -1 },
        { SLICE("Sun, 00 Nov 1994 08:49:37 GMT"), -1 },
        { SLICE("Sun, 06 Nov 1994 24:49:37 GMT"), -1 },
        { SLICE("Sun, 06 Nov 1994 08:60:37 GMT"), -1 },
        { SLICE("Sun, 06 Nov 1994 08:49:61 GMT"), -1 },
        { SLICE("Sun, 06 Nov 1994 08:49:37 GMT "), -1 },
        { SLICE("Sun, 06 Nov 1994 08:49:37 UTC"), -1 },
        { SLICE("Sun, 06 Nov 1994 08:49:37 +0000"), -1 },
        { SLICE("sun, 06 nov 1994 08:49:37 gmt"), -1 },
        { SLICE("Sun, 6 Nov 1994 08:49:37 GMT"), -1 },
        { SLICE("Sun, 06 Nov 1969 08:49:37 GMT"), -1 },
        { SLICE("Sun,06 Nov 1994 08:49:37 GMT"), -1 },
        { SLICE("Sun Nov 06 08:49:37 94"), -1 },
        { SLICE("06 Nov 1994 08:49:37 GMT"), -1 },
        { SLICE("784111777"), -1 },
        { SLICE("Sun"), -1 },
        { SLICE(""), -1 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int64_t seconds = -1;
        int result = http_date_parse(cases[i].text, 1795000000, &seconds);
        if (result != (cases[i].seconds < 0 ? -EINVAL : 0) || seconds != cases[i].seconds)
            fail_msg("%d, %lld for %.*s", result, (long long)seconds,
                     SLICE_ARGUMENTS(cases[i].text));
    }
}

/* Forwarded: RFC 7239 §4, §6. */
TEST(forwarding_fields_are_read_from_the_right)
{
    slice rest = SLICE("1.1.1.1, , [2001:db8::1]:80 ,192.0.2.1:99"), element;
    assert_true(forwarded_for_last(&rest, &element));
    assert_slice_equal(element, SLICE("192.0.2.1"));
    assert_true(forwarded_for_last(&rest, &element));
    assert_slice_equal(element, SLICE("2001:db8::1"));
    assert_true(forwarded_for_last(&rest, &element));
    assert_slice_equal(element, SLICE("1.1.1.1"));
    assert_false(forwarded_for_last(&rest, &element));
    struct forwarded_element found[3];
    assert_int_equal(forwarded_elements(SLICE("for=192.0.2.43;proto=http, proto=\"https\";"
                                              "For=\"[2001:db8::17]:4711\",host=a"),
                                        found, 3),
                     3);
    assert_slice_equal(found[0].node, SLICE("192.0.2.43"));
    assert_slice_equal(found[0].proto, SLICE("http"));
    assert_slice_equal(found[1].node, SLICE("2001:db8::17"));
    assert_slice_equal(found[1].proto, SLICE("https"));
    assert_int_equal(found[2].node.len + found[2].proto.len, 0);
    assert_int_equal(forwarded_elements(SLICE("for=a,for=b,for=c,for=d"), found, 3), 3);
    assert_slice_equal(found[2].node, SLICE("d"));
}

TEST(proxy_headers_go_both_ways)
{
    static const struct proxy_addresses cases[] = {
        { .is_v4 = true,
          .source = { [10] = 255, 255, 192, 0, 2, 1 },
          .destination = { [10] = 255, 255, 198, 51, 100, 2 },
          .source_port = 1234,
          .destination_port = 80 },
        { .source = { 0x20, 1, 0xd, 0xb8, [15] = 1 },
          .destination = { [15] = 1 },
          .source_port = 65535,
          .destination_port = 443 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        for (int version = 1; version <= 2; version++) {
            char memory[PROXY_HEADER_BYTES_MAX];
            struct writer w = writer_over(memory, sizeof memory);
            (version == 1 ? proxy_protocol_write_v1 : proxy_protocol_write_v2)(&w, &cases[i]);
            struct proxy_addresses got;
            size_t used;
            for (size_t part = 0; part < w.len; part++)
                assert_int_equal(proxy_protocol_parse(slice_of(memory, part), &got, &used),
                                 -EAGAIN);
            assert_int_equal(proxy_protocol_parse(writer_slice(&w), &got, &used), 0);
            assert_int_equal(used, w.len);
            assert_int_equal(got.is_v4, cases[i].is_v4);
            assert_memory_equal(got.source, cases[i].source, 16);
            assert_memory_equal(got.destination, cases[i].destination, 16);
            assert_int_equal(got.source_port, cases[i].source_port);
        }
    }
    static const slice bad[] = {
        SLICE("GET / HTTP/1.1\r\n"),
        SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"),
        SLICE("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"),
        SLICE("PROXY TCP4 ::1 ::1 1 2\r\n"),
        SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"),
        SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 1 70000\r\n"),
        SLICE("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"),
        SLICE("proxy "),
        SLICE("\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c"),
        SLICE("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x02zz"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct proxy_addresses got;
        size_t used;
        assert_int_equal(proxy_protocol_parse(bad[i], &got, &used), -EPROTO);
    }
    struct proxy_addresses got;
    size_t used;
    assert_int_equal(proxy_protocol_parse(SLICE("PROXY UNKNOWN x\r\nGET"), &got, &used), 0);
    assert_true(got.is_local);
    assert_int_equal(used, 17);
}

/* RFC 9112 §7.1, §4, §5. */
TEST(heads_and_chunks_are_written)
{
    static const struct {
        uint64_t bytes;
        slice head;
    } chunks[] = {
        { 1, SLICE("1\r\n") },
        { 15, SLICE("f\r\n") },
        { 16, SLICE("10\r\n") },
        { 0xabcdef, SLICE("abcdef\r\n") },
        { UINT64_MAX, SLICE("ffffffffffffffff\r\n") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(chunks); i++) {
        char head[H1_CHUNK_HEAD_MAX];
        assert_slice_equal(slice_of(head, h1_chunk_head(head, chunks[i].bytes)), chunks[i].head);
    }
    struct field storage[2];
    struct fields fs = { .items = storage, .capacity = ARRAY_LENGTH(storage) };
    char text[128];
    struct writer w = writer_over(text, sizeof text);
    assert_int_equal(fields_add(&fs, SLICE("A"), SLICE("b"), FIELD_OTHER), 0);
    assert_int_equal(fields_add(&fs, SLICE("Gone"), SLICE("x"), FIELD_OTHER), 0);
    storage[1].dropped = true;
    h1_write_request_line(&w, SLICE("GET"), SLICE("/a"), SLICE(""), true);
    h1_write_fields(&w, &fs);
    h1_write_field(&w, SLICE("Empty"), SLICE(""));
    h1_write_status_line(&w, 404);
    h1_write_status_line(&w, 599);
    assert_slice_equal(writer_slice(&w),
                       SLICE("GET /a? HTTP/1.1\r\nA: b\r\nEmpty: \r\nHTTP/1.1 404 Not "
                             "Found\r\nHTTP/1.1 599 Unknown\r\n"));
    /* What does not fit is not written in part. */
    for (size_t room = 0; room < 6; room++) {
        w = writer_over(text, room);
        h1_write_field(&w, SLICE("A"), SLICE("b"));
        assert_true(w.overflowed ? w.len == 0 : room >= 6);
    }
}

/* RFC 9110 §12.5.1, weights §12.4.2. */
TEST(json_is_for_those_who_ask)
{
    assert_true(accept_prefers_json(SLICE("application/json")));
    assert_true(accept_prefers_json(SLICE("text/html;q=0.5, application/json;q=0.9")));
    assert_true(accept_prefers_json(SLICE("application/problem+json, */*")));
    assert_false(accept_prefers_json(SLICE("text/html,application/json")));
    assert_false(accept_prefers_json(SLICE("*/*")));
    assert_false(accept_prefers_json(SLICE("application/json;q=0")));
    assert_false(accept_prefers_json(SLICE("")));
}

TEST(a_value_is_judged_alike_eight_bytes_at_a_time_and_one_by_one)
{
    for (size_t length = 1; length <= 24; length++)
        for (size_t at = 0; at < length; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                char text[24];
                memset(text, at % 2 ? 0x80 : ' ', sizeof text);
                text[at] = (char)byte;
                slice value = slice_of(text, length);
                assert_int_equal(bytes_are_value(value), bytes_are(value, BYTE_VALUE));
            }
}

/* The end of the memory is the end of the value: a sanitizer sees a read past it. */
TEST(a_value_is_judged_alike_at_every_length_and_alignment)
{
    static const unsigned char bytes[] = { 0, '\t', 0x1f, ' ', '~', 0x7f, 0x80, 0xff };
    for (size_t length = 0; length <= 64; length++)
        for (size_t shift = 0; shift < 8; shift++) {
            char *memory = malloc(shift + length + (shift + length == 0));
            assert_non_null(memory);
            slice value = slice_of(memory + shift, length);
            memset(memory, 0, shift);
            for (size_t at = 0; at < length; at++)
                for (size_t k = 0; k < sizeof bytes; k++) {
                    memset(memory + shift, k % 2 ? 0x80 : ' ', length);
                    memory[shift + at] = (char)bytes[k];
                    bool is_value = bytes[k] == '\t' || (bytes[k] >= 0x20 && bytes[k] != 0x7f);
                    assert_int_equal(bytes_are_value(value), is_value);
                }
            free(memory);
        }
}

/* RFC 9110 §5.6.1.2, §5.6.4. */
TEST(lists_respect_quotes_and_skip_empty_elements)
{
    slice rest = SLICE(" a ,, \"b,c\\\"\" ,d"), element;
    assert_true(list_next(&rest, &element));
    assert_slice_equal(element, SLICE("a"));
    assert_true(list_next(&rest, &element));
    assert_slice_equal(element, SLICE("\"b,c\\\"\""));
    assert_true(list_next(&rest, &element));
    assert_slice_equal(element, SLICE("d"));
    assert_false(list_next(&rest, &element));
}

/* RFC 9110 §5.3. */
TEST(lines_of_a_field_are_joined_in_their_order)
{
    struct field items[8];
    struct fields fs = { .items = items, .capacity = ARRAY_LENGTH(items) };
    struct arena arena;
    slice all;
    static const struct {
        slice name, value;
        bool dropped;
    } lines[] = { { SLICE("X-A"), SLICE("lost"), true },   { SLICE("X-A"), SLICE(""), false },
                  { SLICE("X-B"), SLICE("other"), false }, { SLICE("Via"), SLICE("1"), false },
                  { SLICE("x-a"), SLICE("2"), false },     { SLICE("x-a"), SLICE("lost"), true },
                  { SLICE("via"), SLICE("b, c"), false } };
    arena_open(&arena, NULL, 0, 256, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
        assert_int_equal(fields_add(&fs, lines[i].name, lines[i].value, FIELD_OTHER), 0);
        items[i].dropped = lines[i].dropped;
    }
    assert_int_equal(fields_join(&fs, fields_find_name(&fs, SLICE("X-A")), &arena, &all), 0);
    assert_slice_equal(all, SLICE(", 2"));
    assert_int_equal(fields_join(&fs, fields_find(&fs, FIELD_VIA), &arena, &all), 0);
    assert_slice_equal(all, SLICE("1, b, c"));
    assert_int_equal(fields_join(&fs, fields_find_name(&fs, SLICE("x-b")), &arena, &all), 0);
    assert_ptr_equal(all.ptr, lines[2].value.ptr);
    assert_int_equal(fields_join(&fs, NULL, &arena, &all), 0);
    assert_int_equal(all.len, 0);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies_and_queries_are_walked),
        cmocka_unit_test(dates_go_both_ways),
        cmocka_unit_test(dates_have_three_formats),
        cmocka_unit_test(forwarding_fields_are_read_from_the_right),
        cmocka_unit_test(proxy_headers_go_both_ways),
        cmocka_unit_test(heads_and_chunks_are_written),
        cmocka_unit_test(json_is_for_those_who_ask),
        cmocka_unit_test(a_value_is_judged_alike_eight_bytes_at_a_time_and_one_by_one),
        cmocka_unit_test(a_value_is_judged_alike_at_every_length_and_alignment),
        cmocka_unit_test(lists_respect_quotes_and_skip_empty_elements),
        cmocka_unit_test(lines_of_a_field_are_joined_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
