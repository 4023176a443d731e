/* Heads and bodies of HTTP/1, both directions: what is accepted, and the word for what is not. */
#include <errno.h>

#include "base/test.h"
#include "wire/h1.h"

static const struct h1_limits limits = { 65536, 16384, 8192, 100 };
static struct field storage[100];

static int parse_request(slice bytes, struct h1_request *r, struct h1_error *e)
{
    size_t scanned = 0, length;
    if (h1_head_scan(bytes, &limits, &scanned, &length) != 0)
        return -EAGAIN;
    return h1_request_parse(slice_first(bytes, length), &limits, storage, r, e);
}

#define HEAD(lines) SLICE("GET / HTTP/1.1\r\nHost: a\r\n" lines "\r\n")

static const struct {
    const char *rfc;
    slice bytes;
    uint16_t status;
    const char *reason;
} refused[] = {
    { "9112 §2.2", SLICE("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400, "h1.bare-lf" },
    { "9112 §2.2", SLICE("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400, "h1.bare-lf" },
    { "9112 §2.2", SLICE("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"), 400, "h1.bare-cr" },
    { "9112 §3.2", SLICE("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.target" },
    { "9112 §2.3", SLICE("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 400, "h1.version" },
    { "9112 §3.2", SLICE("GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.target" },
    { "9112 §3.2", SLICE("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.target" },
    { "9112 §3.2", SLICE("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.target" },
    { "9112 §3.2", SLICE("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.target" },
    { "9112 §3.1", SLICE("G@T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.method" },
    { "9112 §3.1", SLICE(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.method" },
    { "9112 §2.3", SLICE("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505, "h1.version" },
    { "9112 §2.3", SLICE("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505, "h1.version" },
    { "9112 §2.3", SLICE("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), 505, "h1.version" },
    { "9112 §2.3", SLICE("GET / http/1.1\r\nHost: a\r\n\r\n"), 400, "h1.version" },
    { "9112 §3.2", SLICE("GET /\r\nHost: a\r\n\r\n"), 400, "h1.target" },
    { "9112 §3.2", SLICE("GET / HTTP/1.1\r\n\r\n"), 400, "h1.host" },
    { "9112 §3.2", SLICE("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400, "h1.host" },
    { "9112 §3.2", SLICE("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400, "h1.host" },
    { "9112 §3.2", SLICE("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400, "h1.host" },
    { "9112 §3.2", SLICE("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400, "h1.host" },
    { "9112 §3.2", SLICE("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400, "h1.host" },
    { "9112 §3.2", SLICE("GET / HTTP/1.1\r\nHost: a:\r\n\r\n"), 400, "h1.host" },
    { "9112 §3.2", SLICE("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"), 400, "h1.host" },
    { "9112 §5.2", SLICE("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400, "h1.obs-fold" },
    { "9112 §5.2", HEAD("X: a\r\n b\r\n"), 400, "h1.obs-fold" },
    { "9112 §5.1", HEAD("X : a\r\n"), 400, "h1.space-before-colon" },
    { "9110 §5.1", HEAD(": a\r\n"), 400, "h1.field-name" },
    { "9110 §5.1", HEAD("X(A: a\r\n"), 400, "h1.field-name" },
    { "9110 §5.1", HEAD("X\r\n"), 400, "h1.field-name" },
    { "9110 §5.5", HEAD("X: a\0b\r\n"), 400, "h1.nul" },
    { "9110 §5.5", HEAD("X: a\x01\r\n"), 400, "h1.control" },
    { "9110 §5.5", HEAD("X: a\x7f\r\n"), 400, "h1.control" },
    { "9112 §6.3", HEAD("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400,
      "h1.two-lengths" },
    { "9110 §8.6", HEAD("Content-Length: 1\r\nContent-Length: 2\r\n"), 400, "h1.content-length" },
    { "9110 §8.6", HEAD("Content-Length: 5, 5\r\n"), 400, "h1.content-length" },
    { "9110 §8.6", HEAD("Content-Length: +5\r\n"), 400, "h1.content-length" },
    { "9110 §8.6", HEAD("Content-Length: -5\r\n"), 400, "h1.content-length" },
    { "9110 §8.6", HEAD("Content-Length: 0x5\r\n"), 400, "h1.content-length" },
    { "9110 §8.6", HEAD("Content-Length:\r\n"), 400, "h1.content-length" },
    { "9110 §8.6", HEAD("Content-Length: 5 5\r\n"), 400, "h1.content-length" },
    { "9110 §8.6", HEAD("Content-Length: 18446744073709551616\r\n"), 400, "h1.content-length" },
    { "9112 §6.1", HEAD("Transfer-Encoding: gzip\r\n"), 501, "h1.transfer-encoding" },
    { "9112 §6.1", HEAD("Transfer-Encoding: gzip, chunked\r\n"), 400, "h1.transfer-encoding" },
    { "9112 §6.1", HEAD("Transfer-Encoding: chunked, chunked\r\n"), 400, "h1.transfer-encoding" },
    { "9112 §6.1", HEAD("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400,
      "h1.transfer-encoding" },
    { "9112 §6.1", HEAD("Transfer-Encoding: \"chunked\"\r\n"), 400, "h1.transfer-encoding" },
    { "9112 §6.1", HEAD("Transfer-Encoding: identity\r\n"), 400, "h1.transfer-encoding" },
    { "9112 §6.1", HEAD("Transfer-Encoding:\r\n"), 400, "h1.transfer-encoding" },
    { "9112 §6.1", HEAD("Transfer-Encoding: xchunked\r\n"), 501, "h1.transfer-encoding" },
    { "9112 §6.1", SLICE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400,
      "h1.transfer-encoding" },
    { "9110 §10.1.1", HEAD("Expect: 200-ok\r\n"), 417, "h1.expect" },
    { "9110 §7.6.1", HEAD("Connection: close, Host\r\n"), 400, "h1.connection" },
    { "9110 §7.6.1", HEAD("Connection: Authorization\r\n"), 400, "h1.connection" },
    { "9110 §7.6.1", HEAD("Connection: X-Forwarded-For\r\n"), 400, "h1.connection" },
    { "9110 §7.6.1", HEAD("Connection: a b\r\n"), 400, "h1.connection" },
    { "9110 §7.6.1", HEAD("Connection: \"a\"\r\n"), 400, "h1.connection" },
    { "9110 §10.1.1", HEAD("Expect: 100-continue, x\r\n"), 417, "h1.expect" },
    { "9110 §10.1.1", HEAD("Expect: 100-continue\r\nExpect: 100-continue\r\n"), 417, "h1.expect" },
    { "9112 §2.3", SLICE("GET / HTTP/11\r\nHost: a\r\n\r\n"), 400, "h1.version" },
    { "9112 §2.3", SLICE("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), 400, "h1.version" },
    { "9112 §2.3", SLICE("GET / HTTP/01.1\r\nHost: a\r\n\r\n"), 400, "h1.version" },
    { "9112 §3", SLICE("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.method" },
    { "9112 §3", SLICE("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.target" },
    { "9112 §3", SLICE("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.bare-cr" },
    { "9112 §3", SLICE("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.target" },
    { "9112 §3", SLICE("\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.bare-cr" },
    { "3986 §2", SLICE("GET /<script> HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.target" },
    { "3986 §2", SLICE("GET /{a} HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.target" },
    { "3986 §2", SLICE("GET /a|b HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "h1.target" },
    { "9112 §5.1", HEAD("X\t: a\r\n"), 400, "h1.space-before-colon" },
    { "9112 §5", HEAD("X: a\r\n\tb\r\n"), 400, "h1.obs-fold" },
    { "9110 §5.1", HEAD("X\0: a\r\n"), 400, "h1.field-name" },
    { "9110 §5.1", HEAD("X\xc3\xa4: a\r\n"), 400, "h1.field-name" },
    { "9110 §8.6", HEAD("Content-Length: 1\r\ncontent-length: 1, 1\r\n"), 400,
      "h1.content-length" },
    { "9110 §8.6", HEAD("Content-Length: 9223372036854775808\r\n"), 400, "h1.content-length" },
    { "9112 §6.3", HEAD("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), 400,
      "h1.two-lengths" },
    { "9112 §6.1",
      HEAD("Transfer-Encoding: \x0b"
           "chunked\r\n"),
      400, "h1.control" },
    { "9112 §6.1", HEAD("Transfer-Encoding: chunked;q=1\r\n"), 400, "h1.transfer-encoding" },
    { "9112 §6.1", HEAD("Transfer-Encoding: , chunked\r\n"), 400, "h1.transfer-encoding" },
    { "6455 §4.2.1", HEAD("Upgrade: websocket\r\nConnection: upgrade\r\n"), 400,
      "websocket.handshake" },
    { "6455 §4.4",
      HEAD("Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 8\r\n"), 426,
      "websocket.version" },
};

TEST(h1_refuses_with_a_word)
{
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        struct h1_request r;
        struct h1_error e = { 0 };
        int result = parse_request(refused[i].bytes, &r, &e);
        if (result == 0)
            fail_msg("RFC %s: accepted: %.*s", refused[i].rfc, SLICE_ARGUMENTS(refused[i].bytes));
        assert_string_equal(e.reason, refused[i].reason);
        assert_int_equal(e.status, refused[i].status);
    }
}

TEST(h1_understands_a_request)
{
    struct h1_request r;
    struct h1_error e;
    slice bytes = SLICE("POST /p?q=1 HTTP/1.1\r\nHost: Example.com:80\r\nContent-Length: 5\r\n"
                        "Content-Length: 5\r\nConnection: keep-alive, X-Own\r\nX-Own: 1\r\n"
                        "content_type: x\r\nProxy: evil\r\nEmpty:\r\nX: \t a b \t\r\n\r\nhello");
    assert_int_equal(parse_request(bytes, &r, &e), 0);
    assert_int_equal(r.method, METHOD_POST);
    assert_slice_equal(r.target, SLICE("/p?q=1"));
    assert_slice_equal(r.host, SLICE("Example.com:80"));
    assert_int_equal(r.framing, H1_FRAMING_LENGTH);
    assert_int_equal(r.content_length, 5);
    assert_true(r.keep_alive);
    assert_null(fields_find_name(&r.fields, SLICE("X-Own")));
    assert_null(fields_find_name(&r.fields, SLICE("content_type")));
    assert_null(fields_find(&r.fields, FIELD_PROXY));
    assert_null(fields_find(&r.fields, FIELD_CONNECTION));
    assert_slice_equal(fields_find_name(&r.fields, SLICE("x"))->value, SLICE("a b"));
    assert_slice_equal(fields_find_name(&r.fields, SLICE("empty"))->value, SLICE(""));
}

/* What is unusual and unambiguous is understood. */
TEST(h1_accepts_the_unusual)
{
    static const struct {
        const char *rfc;
        slice bytes;
        enum h1_framing framing;
        uint64_t length;
    } cases[] = {
        { "9112 §3.2", SLICE("GET / HTTP/1.0\r\n\r\n"), H1_FRAMING_NONE, 0 },
        { "9110 §8.6", HEAD("Content-Length: 007\r\n"), H1_FRAMING_LENGTH, 7 },
        { "9110 §8.6", HEAD("Content-Length:7\r\ncontent-LENGTH: \t 7 \r\n"), H1_FRAMING_LENGTH,
          7 },
        { "9110 §8.6", HEAD("Content-Length: 9223372036854775807\r\n"), H1_FRAMING_LENGTH,
          INT64_MAX },
        { "9112 §7", HEAD("transfer-encoding:CHUNKED\r\n"), H1_FRAMING_CHUNKED, 0 },
        { "9110 §9.1", SLICE("!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: a\r\n\r\n"), H1_FRAMING_NONE, 0 },
        { "9110 §5.5", HEAD("X: \x80\xff\t \"'()<>@,;:\\/[]?={}\r\n"), H1_FRAMING_NONE, 0 },
        { "9110 §5.1", HEAD("!#$%&'*+-.^`|~0aZ: b\r\n"), H1_FRAMING_NONE, 0 },
        { "9112 §3.2.4", SLICE("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), H1_FRAMING_NONE, 0 },
        { "9112 §3.2.2", SLICE("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), H1_FRAMING_NONE, 0 },
        { "9110 §7.6.1", HEAD("Connection: ,, close ,\r\nConnection: x\r\n"), H1_FRAMING_NONE, 0 },
        { "9110 §10.1.1", SLICE("GET / HTTP/1.0\r\nExpect: other\r\n\r\n"), H1_FRAMING_NONE, 0 },
        { "9110 §7.8", HEAD("Upgrade: h2c\r\nConnection: upgrade, http2-settings\r\n"),
          H1_FRAMING_NONE, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct h1_request r;
        struct h1_error e = { 0 };
        if (parse_request(cases[i].bytes, &r, &e) != 0)
            fail_msg("RFC %s: %s for %.*s", cases[i].rfc, e.reason,
                     SLICE_ARGUMENTS(cases[i].bytes));
        assert_int_equal(r.framing, cases[i].framing);
        assert_true(r.content_length == cases[i].length);
        assert_false(r.upgrades_to_websocket);
    }
}

/* RFC 9112 §2.2: empty lines in front of a request are passed over, in whatever pieces they come.
 */
TEST(h1_passes_over_empty_lines)
{
    static const struct {
        slice bytes;
        size_t skipped;
    } cases[] = {
        { SLICE("\r\nGET"), 2 }, { SLICE("\r\n\r\nGET"), 4 }, { SLICE("\r"), 0 },
        { SLICE(""), 0 },        { SLICE("\nGET"), 0 },       { SLICE("GET\r\n"), 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(h1_skip_empty_lines(cases[i].bytes), cases[i].skipped);
}

/* RFC 9110 §7.6.1: each name is looked for in all fields, so their number has a bound. */
TEST(h1_connection_names_at_most_32_fields)
{
    for (unsigned names = 32; names <= 33; names++) {
        char text[512];
        struct writer w = writer_over(text, sizeof text);
        struct h1_request r;
        struct h1_error e = { 0 };
        writer_literal(&w, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close");
        for (unsigned i = 1; i < names; i++)
            writer_text(&w, ", x");
        writer_literal(&w, "\r\nConnection: keep-alive,y\r\nY: z\r\n\r\n");
        assert_int_equal(parse_request(writer_slice(&w), &r, &e), names == 32 ? 0 : -EPROTO);
        if (names == 32)
            assert_null(fields_find_name(&r.fields, SLICE("y")));
        else
            assert_string_equal(e.reason, "h1.connection");
    }
}

TEST(h1_knows_when_a_connection_goes_on)
{
    static const struct {
        slice bytes;
        bool keep_alive;
    } cases[] = {
        { HEAD(""), true },
        { HEAD("Connection: Close\r\n"), false },
        { HEAD("Connection: keep-alive\r\nConnection: close\r\n"), false },
        { SLICE("GET / HTTP/1.0\r\n\r\n"), false },
        { SLICE("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), true },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct h1_request r;
        struct h1_error e;
        assert_int_equal(parse_request(cases[i].bytes, &r, &e), 0);
        assert_int_equal(r.keep_alive, cases[i].keep_alive);
    }
}

TEST(h1_head_is_found_at_every_split)
{
    slice bytes = HEAD("X: y\r\n");
    for (size_t step = 1; step < bytes.len; step++) {
        size_t scanned = 0, length = 0;
        int result = -EAGAIN;
        for (size_t have = step; result == -EAGAIN; have += step)
            result = h1_head_scan(slice_first(bytes, have), &limits, &scanned, &length);
        assert_int_equal(result, 0);
        assert_int_equal(length, bytes.len);
    }
}

TEST(h1_respects_its_limits)
{
    static const struct h1_limits small = { 80, 20, 10, 2 };
    struct h1_request r;
    struct h1_error e;
    size_t scanned = 0, length;
    char long_head[100];
    memset(long_head, 'a', sizeof long_head);
    assert_int_equal(h1_head_scan(slice_of(long_head, 100), &small, &scanned, &length), -EMSGSIZE);
    assert_int_equal(h1_request_parse(SLICE("GET /23456789012 HTTP/1.1\r\nHost: a\r\n\r\n"), &small,
                                      storage, &r, &e),
                     -EMSGSIZE);
    assert_int_equal(e.status, 414);
    assert_int_equal(h1_request_parse(SLICE("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n"),
                                      &small, storage, &r, &e),
                     -EMSGSIZE);
    assert_string_equal(e.reason, "h1.field-count");
    assert_int_equal(h1_request_parse(SLICE("GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaa\r\n\r\n"),
                                      &small, storage, &r, &e),
                     -EMSGSIZE);
    assert_int_equal(e.status, 431);
}

TEST(h1_websocket_handshake_is_checked_on_both_sides)
{
    struct h1_request r;
    struct h1_response answer;
    struct h1_error e;
    assert_int_equal(parse_request(HEAD("Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
                                        "Sec-WebSocket-Version: 13\r\n"
                                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
                                   &r, &e),
                     0);
    assert_true(r.upgrades_to_websocket);
    struct h1_question q = { METHOD_GET, true, SLICE("dGhlIHNhbXBsZSBub25jZQ==") };
#define SWITCH(accept)                                                                             \
    SLICE("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"      \
          "Sec-WebSocket-Accept: " accept "\r\n\r\n")
    assert_int_equal(h1_response_parse(SWITCH("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), &limits, storage, &q,
                                       &answer, &e),
                     0);
    assert_true(answer.is_websocket);
    assert_int_equal(h1_response_parse(SWITCH("xxxPLMBiTxaQ9kYGzzhZRbK+xOo="), &limits, storage, &q,
                                       &answer, &e),
                     -EPROTO);
    q.asked_websocket = false;
    assert_int_equal(h1_response_parse(SWITCH("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), &limits, storage, &q,
                                       &answer, &e),
                     -EPROTO);
    assert_string_equal(e.reason, "h1.switch");
}

TEST(h1_response_framing_follows_rfc_9112)
{
    static const struct {
        const char *rfc;
        slice bytes;
        enum method method;
        int result;
        enum h1_framing framing;
        bool keep_alive;
    } cases[] = {
        { "9112 §6.3", SLICE("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), METHOD_GET, 0,
          H1_FRAMING_LENGTH, true },
        { "9112 §4", SLICE("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), METHOD_GET, 0,
          H1_FRAMING_LENGTH, true },
        { "9112 §7", SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"), METHOD_GET, 0,
          H1_FRAMING_CHUNKED, true },
        { "9112 §6.3", SLICE("HTTP/1.1 200 OK\r\n\r\n"), METHOD_GET, 0, H1_FRAMING_CLOSE, false },
        { "9112 §9.3", SLICE("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n"), METHOD_GET, 0,
          H1_FRAMING_LENGTH, false },
        { "9110 §15.3.5", SLICE("HTTP/1.1 204 No Content\r\n\r\n"), METHOD_GET, 0, H1_FRAMING_NONE,
          true },
        { "9110 §15.4.5", SLICE("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
          METHOD_GET, 0, H1_FRAMING_NONE, true },
        { "9110 §9.3.2", SLICE("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), METHOD_HEAD, 0,
          H1_FRAMING_NONE, true },
        { "9110 §8.6", SLICE("HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n"), METHOD_GET,
          -EPROTO, 0, false },
        { "9112 §6.3",
          SLICE("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
          METHOD_GET, -EPROTO, 0, false },
        { "9112 §6.1", SLICE("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), METHOD_GET,
          -EPROTO, 0, false },
        { "9112 §6.1", SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), METHOD_GET,
          -EPROTO, 0, false },
        { "9110 §15", SLICE("HTTP/1.1 99 X\r\n\r\n"), METHOD_GET, -EPROTO, 0, false },
        { "9110 §15", SLICE("HTTP/1.1 600 X\r\n\r\n"), METHOD_GET, -EPROTO, 0, false },
        { "9112 §4", SLICE("HTTP/1.1 2000 X\r\n\r\n"), METHOD_GET, -EPROTO, 0, false },
        { "9112 §4", SLICE("ICY 200 OK\r\n\r\n"), METHOD_GET, -EPROTO, 0, false },
        { "9112 §2.3", SLICE("HTTP/2 200 OK\r\n\r\n"), METHOD_GET, -EPROTO, 0, false },
        { "9112 §4", SLICE("HTTP/1.1 200 O\x01K\r\n\r\n"), METHOD_GET, -EPROTO, 0, false },
        { "9112 §5.2", SLICE("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"), METHOD_GET, -EPROTO, 0,
          false },
        { "9112 §4", SLICE("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"), METHOD_GET, 0,
          H1_FRAMING_LENGTH, true },
        { "9112 §4", SLICE("HTTP/1.1 200 f\xc3\xbcr\tdich\r\nContent-Length: 0\r\n\r\n"),
          METHOD_GET, 0, H1_FRAMING_LENGTH, true },
        { "9110 §8.6", SLICE("HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n"), METHOD_GET, 0,
          H1_FRAMING_NONE, true },
        { "9112 §6.1", SLICE("HTTP/1.1 103 Hints\r\nTransfer-Encoding: chunked\r\n\r\n"),
          METHOD_GET, -EPROTO, 0, false },
        { "9112 §6.3", SLICE("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
          METHOD_GET, 0, H1_FRAMING_NONE, true },
        { "9112 §9.3",
          SLICE("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\n"),
          METHOD_GET, 0, H1_FRAMING_LENGTH, true },
        { "9112 §9.6",
          SLICE("HTTP/1.1 200 OK\r\nConnection: x, CLOSE\r\nContent-Length: 3\r\n\r\n"), METHOD_GET,
          0, H1_FRAMING_LENGTH, false },
        { "9112 §6.3", SLICE("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n"),
          METHOD_GET, 0, H1_FRAMING_LENGTH, true },
        { "9112 §6.3", SLICE("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"),
          METHOD_GET, -EPROTO, 0, false },
        { "9110 §7.6.1", SLICE("HTTP/1.1 200 OK\r\nConnection: Set-Cookie\r\n\r\n"), METHOD_GET,
          -EPROTO, 0, false },
        { "9112 §4", SLICE(" HTTP/1.1 200 OK\r\n\r\n"), METHOD_GET, -EPROTO, 0, false },
        { "9112 §4", SLICE("HTTP/1.1  200 OK\r\n\r\n"), METHOD_GET, -EPROTO, 0, false },
        { "9112 §4", SLICE("HTTP/1.1 2x0 OK\r\n\r\n"), METHOD_GET, -EPROTO, 0, false },
        { "9112 §4", SLICE("HTTP/1.1 200OK\r\n\r\n"), METHOD_GET, -EPROTO, 0, false },
        { "9110 §7.8", SLICE("HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n"), METHOD_GET, -EPROTO,
          0, false },
        { "9112 §2.2", SLICE("HTTP/1.1 200 OK\nX: a\r\n\r\n"), METHOD_GET, -EPROTO, 0, false },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct h1_question q = { .method = cases[i].method };
        struct h1_response r;
        struct h1_error e = { 0 };
        int result = h1_response_parse(cases[i].bytes, &limits, storage, &q, &r, &e);
        if (result != cases[i].result)
            fail_msg("RFC %s: %d for %.*s", cases[i].rfc, result, SLICE_ARGUMENTS(cases[i].bytes));
        if (result != 0) {
            assert_int_equal(e.status, 502);
            continue;
        }
        assert_int_equal(r.framing, cases[i].framing);
        assert_int_equal(r.keep_alive, cases[i].keep_alive);
    }
}

/* Decodes with reads of `step` bytes; the decoded body in `out`. */
static int decode(slice in, size_t step, struct writer *out, struct h1_body *b)
{
    h1_body_open(b, H1_FRAMING_CHUNKED, 0);
    size_t at = 0, have = 0;
    while (!b->ended && (at < in.len || have < in.len)) {
        slice data;
        size_t used;
        if (have <= at)
            have = have + step < in.len ? have + step : in.len;
        if (h1_body_next(b, slice_of(in.ptr + at, have - at), &data, &used) != 0)
            return -EPROTO;
        writer_slice_add(out, data);
        at += used;
        if (used == 0 && have == in.len && at == in.len)
            break;
    }
    return h1_body_closed(b);
}

TEST(h1_chunks_decode_the_same_at_every_split)
{
    static const struct {
        const char *rfc;
        slice in, out;
        int result;
    } cases[] = {
        { "9112 §7.1", SLICE("5\r\nhello\r\n0\r\n\r\n"), SLICE("hello"), 0 },
        { "9112 §7.1.2", SLICE("5;a=b;c=\"d\"\r\nhello\r\n1\r\n!\r\n0\r\nX-T: v\r\nY: z\r\n\r\n"),
          SLICE("hello!"), 0 },
        { "9112 §7.1", SLICE("00005\r\nhello\r\n000\r\n\r\n"), SLICE("hello"), 0 },
        { "9112 §7.1", SLICE("A\r\n0123456789\r\n0\r\n\r\n"), SLICE("0123456789"), 0 },
        { "9112 §7.1", SLICE("5\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1", SLICE("5\r\nhello\n0\r\n\r\n"), SLICE("hello"), -EPROTO },
        { "9112 §7.1", SLICE("5\r\nhelloX\r\n0\r\n\r\n"), SLICE("hello"), -EPROTO },
        { "9112 §7.1", SLICE("5 \r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1", SLICE(" 5\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1", SLICE("0x5\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1", SLICE("-5\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1", SLICE("\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1.1", SLICE(";x\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1.1", SLICE("5;a\nb\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1.1", SLICE("5;a\rb\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1", SLICE("0000000000000005\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1", SLICE("5\r\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1", SLICE("5\r\nhello\r\n0\n\r\n"), SLICE("hello"), -EPROTO },
        { "9112 §7.1", SLICE("5\r\nhello\r\n0\r\n\n"), SLICE("hello"), -EPROTO },
        { "9112 §7.1", SLICE("G\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1.1", SLICE("5;a=\"\\\"\";b\r\nhello\r\n0\r\n\r\n"), SLICE("hello"), 0 },
        { "9112 §7.1.1", SLICE("5;\0\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1.1", SLICE("5 ;a\r\nhello\r\n0\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1.2", SLICE("0\r\nX: a\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1.2", SLICE("0\r\nX: a\rb\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1.2", SLICE("0\r\nX: a\r\n b\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1.2", SLICE("0\r\nX : a\r\n\r\n"), SLICE(""), -EPROTO },
        { "9112 §7.1", SLICE("FFFFFFFFFFFFFFFF\r\n"), SLICE(""), -EPROTO },
        { "9112 §8", SLICE("5\r\nhello\r\n0\r\n"), SLICE("hello"), -EPROTO },
        { "9112 §8", SLICE("5\r\nhel"), SLICE("hel"), -EPROTO },
        { "9112 §7.1.2", SLICE("5\r\nhello\r\n0\r\nbad trailer\r\n\r\n"), SLICE("hello"), -EPROTO },
        { "9112 §7.1.2", SLICE("5\r\nhello\r\n0\r\n: x\r\n\r\n"), SLICE("hello"), -EPROTO },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        for (size_t step = 1; step <= cases[i].in.len; step++) {
            char memory[64];
            struct writer out = writer_over(memory, sizeof memory);
            struct h1_body b;
            int result = decode(cases[i].in, step, &out, &b);
            if (result != cases[i].result)
                fail_msg("RFC %s: %d by steps of %zu for %.*s", cases[i].rfc, result, step,
                         SLICE_ARGUMENTS(cases[i].in));
            assert_slice_equal(writer_slice(&out), cases[i].out);
        }
    }
}

TEST(h1_body_of_no_bytes_has_ended_at_once)
{
    struct h1_body b;
    h1_body_open(&b, H1_FRAMING_LENGTH, 0);
    assert_true(b.ended);
    h1_body_open(&b, H1_FRAMING_NONE, 0);
    assert_true(b.ended);
    h1_body_open(&b, H1_FRAMING_LENGTH, 3);
    assert_int_equal(h1_body_closed(&b), -EPROTO);
}

TEST(every_known_field_is_found_by_its_name)
{
    for (int id = 1; id < FIELD_ID_COUNT; id++) {
        char lower[32];
        slice name = field_name_of((enum field_id)id);
        assert_int_equal(field_id_of(name), id);
        for (size_t i = 0; i < name.len; i++)
            lower[i] = ascii_lower(name.ptr[i]);
        assert_int_equal(field_id_of(slice_of(lower, name.len)), id);
    }
    assert_int_equal(field_id_of(SLICE("X-Other")), FIELD_OTHER);
    assert_int_equal(field_id_of(SLICE("H")), FIELD_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h1_refuses_with_a_word),
        cmocka_unit_test(h1_understands_a_request),
        cmocka_unit_test(h1_accepts_the_unusual),
        cmocka_unit_test(h1_passes_over_empty_lines),
        cmocka_unit_test(h1_connection_names_at_most_32_fields),
        cmocka_unit_test(h1_knows_when_a_connection_goes_on),
        cmocka_unit_test(h1_head_is_found_at_every_split),
        cmocka_unit_test(h1_respects_its_limits),
        cmocka_unit_test(h1_websocket_handshake_is_checked_on_both_sides),
        cmocka_unit_test(h1_response_framing_follows_rfc_9112),
        cmocka_unit_test(h1_chunks_decode_the_same_at_every_split),
        cmocka_unit_test(h1_body_of_no_bytes_has_ended_at_once),
        cmocka_unit_test(every_known_field_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
