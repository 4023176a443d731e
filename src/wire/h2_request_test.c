/* Requests of HTTP/2: what makes them malformed, what is refused, and what they become. */
#include <errno.h>

#include "base/test.h"
#include "wire/h2_request.h"

static const struct h1_limits limits = { 16384, 4096, 1024, 16 };

static struct arena arena;
static char memory[16384];
static struct field storage[24];
static struct h1_request request;
static struct h2_request list;
static struct h1_error error;

/* "name value|name value|…"; the name ends at the first space. */
static int read_list(const char *text, bool ends_stream)
{
    slice rest = slice_from(text);
    arena_close(&arena);
    arena_open(&arena, memory, sizeof memory, 8192, 1u << 20);
    h2_request_begin(&list, &arena, &limits, storage, &request);
    while (rest.len) {
        slice item = slice_first(rest, slice_find_byte(rest, '|'));
        size_t space = slice_find_byte(item, ' ');
        h2_request_add(&list, slice_first(item, space), slice_after(item, space + 1));
        rest = slice_after(rest, item.len + 1);
    }
    return h2_request_end(&list, ends_stream, &error);
}

#define GET ":method GET|:scheme https|:authority a.test|:path /"

TEST(an_ordinary_request_is_what_it_says)
{
    assert_int_equal(read_list(":method GET|:scheme https|:authority A.test:8443|:path /x?y|"
                               "accept */*|x-own 1",
                               true),
                     0);
    assert_int_equal(request.method, METHOD_GET);
    assert_slice_equal(request.head, SLICE("GET /x?y HTTP/2.0\r\n"));
    assert_slice_equal(request.target, SLICE("/x?y"));
    assert_slice_equal(request.authority.host, SLICE("A.test"));
    assert_int_equal(request.authority.port, 8443);
    assert_slice_equal(h2_request_scheme(&list), SLICE("https"));
    assert_int_equal(request.framing, H1_FRAMING_NONE);
    assert_int_equal(request.fields.count, 2);
    assert_slice_equal(request.fields.items[0].name, SLICE("Accept"));
    assert_slice_equal(request.fields.items[1].name, SLICE("x-own"));
    assert_true(request.keep_alive && request.minor_version == 1);
}

TEST(what_is_malformed_is_refused_with_its_reason)
{
    static const struct {
        const char *list, *reason;
    } cases[] = {
        { ":scheme https|:authority a|:path /", "h2.pseudo-field" },
        { ":method GET|:authority a|:path /", "h2.pseudo-field" },
        { ":method GET|:scheme https|:authority a", "h2.pseudo-field" },
        { ":method GET|:scheme https|:path /", "h1.host" },
        { ":method |:scheme https|:authority a|:path /", "h2.pseudo-field" },
        { ":method GET|:scheme https|:authority a|:path ", "h2.pseudo-field" },
        { ":method GET|:scheme https|:authority |:path /", "h2.pseudo-field" },
        { GET "|:path /b", "h2.pseudo-field" },
        { GET "|:method GET", "h2.pseudo-field" },
        { GET "|:authority a.test", "h2.pseudo-field" },
        { GET "|:scheme https", "h2.pseudo-field" },
        { GET "|:status 200", "h2.pseudo-field" },
        { GET "|:unknown 1", "h2.pseudo-field" },
        { GET "|: 1", "h2.pseudo-field" },
        { GET "|:protocol websocket", "h2.pseudo-field" },
        { ":method GET|accept a|:scheme https|:authority a|:path /", "h2.pseudo-field" },
        { ":method G T|:scheme https|:authority a|:path /", "h1.method" },
        { ":method G\rT|:scheme https|:authority a|:path /", "h1.method" },
        { ":method GET|:scheme https|:authority a|:path x", "uri.target" },
        { ":method GET|:scheme https|:authority a|:path http://b/", "uri.target" },
        { ":method GET|:scheme https|:authority a|:path *", "uri.asterisk" },
        { ":method OPTIONS|:scheme https|:authority a|:path *x", "uri.target" },
        { ":method GET|:scheme https|:authority a|:path /a b", "h1.target" },
        { ":method GET|:scheme https|:authority a|:path /a#b", "h1.target" },
        { ":method GET|:scheme https|:authority a|:path /a\r\nx: y", "h1.target" },
        { ":method GET|:scheme https|:authority a|:path /\xc3\xa9", "h1.target" },
        { ":method GET|:scheme https|:authority u@a|:path /", "h1.host" },
        { ":method GET|:scheme https|:authority a b|:path /", "h1.host" },
        { ":method GET|:scheme https|:authority a:x|:path /", "h1.host" },
        { ":method GET|:scheme https|:authority a,b|:path /", "h1.host" },
        { ":method GET|:scheme https|:authority a/|:path /", "h1.host" },
        { GET "|host b.test", "h1.host-differs" },
        { GET "|host a.test:80", "h1.host-differs" },
        { GET "|host a.test|host a.test", "h1.host" },
        { GET "|host ", "h1.host-differs" },
        { GET "|connection close", "h2.connection-field" },
        { GET "|connection keep-alive", "h2.connection-field" },
        { GET "|keep-alive 5", "h2.connection-field" },
        { GET "|proxy-connection x", "h2.connection-field" },
        { GET "|transfer-encoding chunked", "h2.connection-field" },
        { GET "|upgrade websocket", "h2.connection-field" },
        { GET "|te gzip", "h2.connection-field" },
        { GET "|te trailers, gzip", "h2.connection-field" },
        { GET "|Accept x", "h2.field-name" },
        { GET "|x(y z", "h2.field-name" },
        { GET "|x\x80 z", "h2.field-name" },
        { GET "|x:y z", "h2.field-name" },
        { GET "| z", "h2.field-name" },
        { GET "|x  leading", "h2.field-value" },
        { GET "|x trailing ", "h2.field-value" },
        { GET "|x \ttab", "h2.field-value" },
        { GET "|x a\r\nb: c", "h2.field-value" },
        { GET "|x a\nb", "h2.field-value" },
        { GET "|x a\x01", "h2.field-value" },
        { GET "|x a\x7f", "h2.field-value" },
        { GET "|content-length 5", "h2.content-length" },
        { GET "|content-length x", "h1.content-length" },
        { GET "|content-length +0", "h1.content-length" },
        { GET "|content-length 0|content-length 1", "h1.content-length" },
        { ":method CONNECT|:scheme https|:authority a:443|:path /", "h2.pseudo-field" },
        { ":method CONNECT|:path /|:authority a:443", "h2.pseudo-field" },
        { ":method CONNECT", "h1.host" },
        { ":method CONNECT|host a:443", "h1.host" },
        { ":method CONNECT|:protocol websocket|:authority a", "h2.pseudo-field" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int result = read_list(cases[i].list, true);
        if (result != -EPROTO || strcmp(error.reason, cases[i].reason) != 0)
            fail_msg("%s: %d %s", cases[i].list, result, result ? error.reason : "-");
        assert_int_equal(error.status, 400);
    }
}

TEST(what_is_well_formed_may_be_refused_all_the_same)
{
    static const struct {
        const char *list;
        const char *reason;
        int status;
    } cases[] = {
        { ":method GET|:scheme ftp|:authority a|:path /", "uri.scheme", 400 },
        { GET "|expect 200-maybe", "h1.expect", 417 },
        { ":method CONNECT|:protocol tcp|:scheme https|:authority a|:path /", "h2.protocol", 501 },
        { ":method CONNECT|:protocol websocket|:scheme https|:authority a|:path /|"
          "sec-websocket-version 8",
          "websocket.version", 426 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(read_list(cases[i].list, false), -EINVAL);
        assert_string_equal(error.reason, cases[i].reason);
        assert_int_equal(error.status, cases[i].status);
    }
}

TEST(limits_are_those_of_http1)
{
    static char text[40000];
    struct writer w = writer_over(text, sizeof text - 1);
    writer_literal(&w, ":method GET|:scheme https|:authority a|:path /");
    for (int i = 0; i < 1100; i++)
        writer_byte(&w, 'a');
    assert_int_equal(read_list(text, true), -EMSGSIZE);
    assert_int_equal(error.status, 414);
    w.len = 0;
    writer_literal(&w, GET "|x ");
    for (int i = 0; i < 4200; i++)
        writer_byte(&w, 'a');
    assert_int_equal(read_list(text, true), -EMSGSIZE);
    assert_string_equal(error.reason, "h2.field-length");
    memset(text, 0, sizeof text);
    w.len = 0;
    writer_literal(&w, GET);
    for (int i = 0; i < 17; i++)
        writer_literal(&w, "|x y");
    assert_int_equal(read_list(text, true), -EMSGSIZE);
    assert_string_equal(error.reason, "h2.field-count");
    for (int i = 0; i < 3000; i++)
        writer_literal(&w, "|x y");
    assert_int_equal(read_list(text, true), -EMSGSIZE);
    assert_int_equal(error.status, 431);
}

TEST(crumbs_of_a_cookie_are_one_and_count_as_one)
{
    char text[1024];
    struct writer w = writer_over(text, sizeof text - 1);
    assert_int_equal(read_list(GET "|cookie a=1|x y|cookie b=2|cookie c=3", true), 0);
    const struct field *cookie = fields_find(&request.fields, FIELD_COOKIE);
    assert_non_null(cookie);
    assert_slice_equal(cookie->value, SLICE("a=1; b=2; c=3"));
    assert_int_equal(fields_count(&request.fields, FIELD_COOKIE), 1);
    writer_literal(&w, GET);
    for (int i = 0; i < 40; i++)
        writer_literal(&w, "|cookie a=1");
    text[w.len] = '\0';
    assert_int_equal(read_list(text, true), 0);
}

TEST(the_framing_says_whether_a_body_comes)
{
    assert_int_equal(read_list(":method POST|:scheme http|:authority a|:path /", false), 0);
    assert_int_equal(request.framing, H1_FRAMING_CHUNKED);
    assert_int_equal(read_list(":method POST|:scheme http|:authority a|:path /|content-length 7|"
                               "expect 100-continue",
                               false),
                     0);
    assert_int_equal(request.framing, H1_FRAMING_LENGTH);
    assert_int_equal(request.content_length, 7);
    assert_true(request.expects_continue);
    assert_null(fields_find(&request.fields, FIELD_EXPECT));
    assert_int_equal(
        read_list(":method POST|:scheme http|:authority a|:path /|content-length 0", true), 0);
    assert_int_equal(request.framing, H1_FRAMING_LENGTH);
}

TEST(the_host_may_stand_in_either_place)
{
    assert_int_equal(read_list(":method GET|:scheme http|:path /|host b.test", true), 0);
    assert_slice_equal(request.host, SLICE("b.test"));
    assert_int_equal(read_list(GET "|host A.TEST", true), 0);
    assert_slice_equal(request.host, SLICE("a.test"));
    assert_int_equal(read_list(":method OPTIONS|:scheme http|:authority a|:path *", true), 0);
    assert_slice_equal(request.target, SLICE("*"));
    assert_int_equal(read_list(":method CONNECT|:authority a.test:443", true), 0);
    assert_int_equal(request.method, METHOD_CONNECT);
}

TEST(fields_that_no_origin_may_see_are_dropped)
{
    assert_int_equal(read_list(GET "|te trailers|trailer x|proxy y|content_length 5|"
                                   "proxy-authorization z|x y",
                               true),
                     0);
    uint32_t left = 0;
    for (uint32_t i = 0; i < request.fields.count; i++)
        left += !request.fields.items[i].dropped;
    assert_int_equal(left, 1);
}

TEST(a_websocket_is_the_get_that_it_stands_for)
{
    static const char ask[] = ":method CONNECT|:protocol websocket|:scheme https|:authority a.test|"
                              ":path /chat|sec-websocket-version 13|sec-websocket-key no";
    assert_int_equal(read_list(ask, false), 0);
    assert_int_equal(request.method, METHOD_GET);
    assert_slice_equal(request.head, SLICE("GET /chat HTTP/2.0\r\n"));
    assert_true(request.upgrades_to_websocket);
    assert_int_equal(request.framing, H1_FRAMING_NONE);
    assert_null(fields_find(&request.fields, FIELD_SEC_WEBSOCKET_KEY));
    assert_int_equal(read_list(ask, true), -EPROTO);
    assert_string_equal(error.reason, "websocket.handshake");
}

TEST(trailers_are_judged_like_fields)
{
    static const struct {
        const char *name, *value;
        bool ends;
        int result;
    } cases[] = {
        { "x", "y", true, 0 },           { "x", "y", false, -EPROTO },
        { ":path", "/", true, -EPROTO }, { "X", "y", true, -EPROTO },
        { "x", "y ", true, -EPROTO },    { "connection", "y", true, -EPROTO },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        h2_trailers_begin(&list, &limits);
        h2_request_add(&list, slice_from(cases[i].name), slice_from(cases[i].value));
        assert_int_equal(h2_trailers_end(&list, cases[i].ends, &error), cases[i].result);
    }
}

TEST(priorities_are_read_where_they_can_be)
{
    static const struct {
        const char *value;
        int urgency, incremental;
    } cases[] = {
        { "", 3, 0 },         { "u=0", 0, 0 },    { "u=7, i", 7, 1 }, { "i", 3, 1 },
        { "i=?0", 3, 0 },     { "u=8", 3, 0 },    { "u=-1", 3, 0 },   { "u=1;x=2, i=?1", 1, 1 },
        { "u=1, u=5", 5, 0 }, { "x, y=3", 3, 0 }, { "u", 3, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct h2_priority p = { .urgency = 3 };
        h2_priority_parse(slice_from(cases[i].value), &p);
        assert_int_equal(p.urgency, cases[i].urgency);
        assert_int_equal(p.incremental, cases[i].incremental);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_request_is_what_it_says),
        cmocka_unit_test(what_is_malformed_is_refused_with_its_reason),
        cmocka_unit_test(what_is_well_formed_may_be_refused_all_the_same),
        cmocka_unit_test(limits_are_those_of_http1),
        cmocka_unit_test(crumbs_of_a_cookie_are_one_and_count_as_one),
        cmocka_unit_test(the_framing_says_whether_a_body_comes),
        cmocka_unit_test(the_host_may_stand_in_either_place),
        cmocka_unit_test(fields_that_no_origin_may_see_are_dropped),
        cmocka_unit_test(a_websocket_is_the_get_that_it_stands_for),
        cmocka_unit_test(trailers_are_judged_like_fields),
        cmocka_unit_test(priorities_are_read_where_they_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
