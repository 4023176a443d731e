#include <errno.h>

#include "base/test.h"
#include "wire/uri.h"

static const struct path_options refuse_slashes = { SLASH_REFUSE, true };

TEST(path_has_one_canonical_form)
{
    static const struct {
        const char *rfc;
        slice in, out;
        const char *reason;
    } cases[] = {
        { "3986 §3.3", SLICE("/"), SLICE("/"), NULL },
        { "3986 §3.3", SLICE("/a/b"), SLICE("/a/b"), NULL },
        { "3986 §6.2.2", SLICE("/%61%2Db"), SLICE("/a-b"), NULL },
        { "3986 §6.2.2", SLICE("/a%3bb"), SLICE("/a%3Bb"), NULL },
        { "3986 §3.3", SLICE("/a;b=c"), SLICE("/a;b=c"), NULL },
        { "3986 §5.2.4", SLICE("/a/./b"), SLICE("/a/b"), NULL },
        { "3986 §5.2.4", SLICE("/a/../b"), SLICE("/b"), NULL },
        { "3986 §5.2.4", SLICE("/a/%2e%2E/b"), SLICE("/b"), NULL },
        { "3986 §5.2.4", SLICE("/a/.%2e"), SLICE("/"), NULL },
        { "3986 §5.2.4", SLICE("/a/b/.."), SLICE("/a/"), NULL },
        { "3986 §5.2.4", SLICE("/a/."), SLICE("/a/"), NULL },
        { "3986 §3.3", SLICE("//a///b"), SLICE("/a/b"), NULL },
        { "3986 §5.2.4", SLICE("/a//../b"), SLICE("/b"), NULL },
        { "3986 §5.2.4", SLICE("/..."), SLICE("/..."), NULL },
        { "3986 §6.2.2", SLICE("/[x]"), SLICE("/%5Bx%5D"), NULL },
        { "3986 §6.2.2", SLICE("/%c3%a4"), SLICE("/%C3%A4"), NULL },
        { "3986 §5.2.4", SLICE("/.."), SLICE(""), "uri.above-root" },
        { "3986 §5.2.4", SLICE("/a/../../b"), SLICE(""), "uri.above-root" },
        { "3986 §5.2.4", SLICE("/%2e%2e/b"), SLICE(""), "uri.above-root" },
        { "3986 §6.2.2", SLICE("/a%00"), SLICE(""), "uri.nul" },
        { "3986 §6.2.2", SLICE("/a%0d%0a"), SLICE(""), "uri.control" },
        { "3986 §6.2.2", SLICE("/a%2fb"), SLICE(""), "uri.encoded-slash" },
        { "3986 §6.2.2", SLICE("/a%5cb"), SLICE(""), "uri.backslash" },
        { "3986 §3.3", SLICE("/a\\b"), SLICE(""), "uri.backslash" },
        { "3986 §5.2.4", SLICE("/a/..;x/b"), SLICE(""), "uri.dot-parameters" },
        { "3986 §5.2.4", SLICE("/a/.;/b"), SLICE(""), "uri.dot-parameters" },
        { "3986 §5.2.4", SLICE("/a/%2e%2e;/b"), SLICE(""), "uri.dot-parameters" },
        { "3986 §5.2.4", SLICE("/a/..%3bx/b"), SLICE(""), "uri.dot-parameters" },
        { "3986 §6.2.2", SLICE("/a/%252e%252e/b"), SLICE(""), "uri.double-encoding" },
        { "3986 §6.2.2", SLICE("/a%252fb"), SLICE(""), "uri.double-encoding" },
        { "3629 §3", SLICE("/a%c0%afb"), SLICE(""), "uri.overlong" },
        { "3629 §3", SLICE("/a%e0%80%afb"), SLICE(""), "uri.overlong" },
        { "3629 §3", SLICE("/a%f0%80%80%af"), SLICE(""), "uri.overlong" },
        { "3986 §2.1", SLICE("/a%zz"), SLICE(""), "uri.escape" },
        { "3986 §2.1", SLICE("/a%2"), SLICE(""), "uri.escape" },
        { "3986 §6.2.2", SLICE("/%7e%5F%2d%2E"), SLICE("/~_-."), NULL },
        { "3986 §2.2", SLICE("/%21%24%26%27%28%29%2a%2b%2c%3a%3d%40"),
          SLICE("/%21%24%26%27%28%29%2A%2B%2C%3A%3D%40"), NULL },
        { "3986 §2.2", SLICE("/!$&'()*+,:=@"), SLICE("/!$&'()*+,:=@"), NULL },
        { "3986 §3.3", SLICE("/a%20b"), SLICE("/a%20b"), NULL },
        { "3986 §3.3", SLICE("/a%3Fb%23c"), SLICE("/a%3Fb%23c"), NULL },
        { "3986 §3.3", SLICE("/a%25b"), SLICE("/a%25b"), NULL },
        { "3986 §5.2.4", SLICE("/a/b/c/./../../g"), SLICE("/a/g"), NULL },
        { "3986 §5.2.4", SLICE("/a//./..//b"), SLICE("/b"), NULL },
        { "3986 §5.2.4", SLICE("/.a/..b/c."), SLICE("/.a/..b/c."), NULL },
        { "3986 §5.2.4", SLICE("/..;/b"), SLICE(""), "uri.dot-parameters" },
        { "3986 §5.2.4", SLICE("/a/.%2E;x=%2f"), SLICE(""), "uri.encoded-slash" },
        { "3986 §5.2.4", SLICE("/a/%2e.%3B"), SLICE(""), "uri.dot-parameters" },
        { "3986 §2.1", SLICE("/%"), SLICE(""), "uri.escape" },
        { "3986 §2.1", SLICE("/%1"), SLICE(""), "uri.escape" },
        { "3986 §2.1", SLICE("/%+1"), SLICE(""), "uri.escape" },
        { "3986 §2.1", SLICE("/a%7f"), SLICE(""), "uri.control" },
        { "3986 §2.1", SLICE("/a%25%32%65"), SLICE(""), "uri.double-encoding" },
        { "3986 §2.1", SLICE("/a%2500"), SLICE(""), "uri.double-encoding" },
        { "3986 §2.1", SLICE("/a%255c"), SLICE(""), "uri.double-encoding" },
        { "3986 §2.1", SLICE("/a%252541"), SLICE(""), "uri.double-encoding" },
        { "3629 §3", SLICE("/%c1%9c"), SLICE(""), "uri.overlong" },
        { "3629 §3", SLICE("/%e0%9f%bf"), SLICE(""), "uri.overlong" },
        { "3629 §3", SLICE("/%f0%8f%bf%bf"), SLICE(""), "uri.overlong" },
        { "3629 §3", SLICE("/%e2%82%ac%f0%9f%98%80"), SLICE("/%E2%82%AC%F0%9F%98%80"), NULL },
        { "3629 §3", SLICE("/a%f8%80%80%80%af"), SLICE(""), "uri.overlong" },
        { "3629 §3", SLICE("/a%fc%80%80%80%80%af"), SLICE(""), "uri.overlong" },
        { "9112 §3.2", SLICE("a"), SLICE(""), "uri.path" },
        { "9112 §3.2", SLICE(""), SLICE(""), "uri.path" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char memory[64];
        const char *reason = NULL;
        struct writer w = writer_over(memory, sizeof memory);
        int result = path_canonicalize(cases[i].in, &refuse_slashes, &w, &reason);
        if ((result != 0) != (cases[i].reason != NULL))
            fail_msg("RFC %s: %d for %.*s", cases[i].rfc, result, SLICE_ARGUMENTS(cases[i].in));
        if (cases[i].reason) {
            assert_int_equal(result, -EINVAL);
            assert_string_equal(reason, cases[i].reason);
            continue;
        }
        assert_slice_equal(writer_slice(&w), cases[i].out);
        char again[64];
        struct writer second = writer_over(again, sizeof again);
        assert_int_equal(path_canonicalize(writer_slice(&w), &refuse_slashes, &second, &reason), 0);
        assert_slice_equal(writer_slice(&second), cases[i].out);
    }
}

TEST(path_slashes_are_one_documented_option)
{
    static const struct {
        enum slash_policy policy;
        slice in, out;
    } cases[] = {
        { SLASH_DECODE, SLICE("/a%2fb%5cc\\d"), SLICE("/a/b/c/d") },
        { SLASH_DECODE, SLICE("/a%2f..%2fb"), SLICE("/b") },
        { SLASH_DECODE, SLICE("/a%5c%2e%2e%5cb"), SLICE("/b") },
        { SLASH_DECODE, SLICE("/a%2f%2fb"), SLICE("/a/b") },
        { SLASH_KEEP, SLICE("/a%2fb\\c"), SLICE("/a%2Fb%5Cc") },
        { SLASH_KEEP, SLICE("/a%2f.b%5c..c/d."), SLICE("/a%2F.b%5C..c/d.") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char memory[64];
        const char *reason;
        struct path_options options = { cases[i].policy, true };
        struct writer w = writer_over(memory, sizeof memory);
        assert_int_equal(path_canonicalize(cases[i].in, &options, &w, &reason), 0);
        assert_slice_equal(writer_slice(&w), cases[i].out);
    }
}

/* Whoever decodes the slashes that are kept would go up by the dots between them. */
TEST(path_keeps_no_slash_beside_a_dot_segment)
{
    static const slice cases[] = {
        SLICE("/a%2f..%2fb"),    SLICE("/a%2f.."),    SLICE("/..%2fb"),
        SLICE("/a%5c%2e%2e\\b"), SLICE("/x/a%2f./b"), SLICE("/a%2f..;x%2fb"),
        SLICE("/a%2F%2F..%3Bx"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char memory[64];
        const char *reason;
        struct path_options options = { SLASH_KEEP, true };
        struct writer w = writer_over(memory, sizeof memory);
        assert_int_equal(path_canonicalize(cases[i], &options, &w, &reason), -EINVAL);
        assert_string_equal(reason, "uri.encoded-slash");
    }
}

TEST(path_has_another_reading_for_servers_that_cut_parameters)
{
    static const struct {
        slice path, other;
    } cases[] = {
        { SLICE("/a/b"), SLICE("/a/b") },
        { SLICE("/a;x=1/b;y"), SLICE("/a/b") },
        { SLICE("/;x/a"), SLICE("/a") },
        { SLICE("/a/;/b"), SLICE("/a/b") },
        { SLICE("/a;"), SLICE("/a") },
        { SLICE("/a%3Bx/b"), SLICE("/a/b") },
        { SLICE("/a%2Fb%5Cc"), SLICE("/a/b/c") },
        { SLICE("/a;x%2Fb"), SLICE("/a/b") },
        { SLICE("/a%20b/c,d"), SLICE("/a%20b/c,d") },
        { SLICE("/%2561b%2563/d"), SLICE("/abc/d") },
        { SLICE("/a%253Bx/b"), SLICE("/a/b") },
        { SLICE("/a%25zz%25"), SLICE("/a%25zz%25") },
        { SLICE("/a%25C3"), SLICE("/a%25C3") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char memory[64];
        struct writer w = writer_over(memory, cases[i].path.len);
        assert_int_equal(path_read_otherwise(cases[i].path, &w), 0);
        assert_slice_equal(writer_slice(&w), cases[i].other);
        if (!slice_equal(cases[i].path, cases[i].other))
            assert_true(path_has_other_reading(cases[i].path));
    }
    char memory[64];
    struct writer w = writer_over(memory, sizeof memory);
    assert_int_equal(path_read_otherwise(SLICE("/a%2F..%2F..%2Fb"), &w), -EINVAL);
}

TEST(target_has_four_forms)
{
    struct request_target t;
    const char *reason;
    assert_int_equal(target_parse(SLICE("/p?a=b?c"), METHOD_GET, &t, &reason), 0);
    assert_slice_equal(t.path, SLICE("/p"));
    assert_slice_equal(t.query, SLICE("a=b?c"));
    assert_int_equal(target_parse(SLICE("/p?"), METHOD_GET, &t, &reason), 0);
    assert_true(t.has_query);
    assert_int_equal(target_parse(SLICE("http://h:81?x"), METHOD_GET, &t, &reason), 0);
    assert_int_equal(t.form, TARGET_ABSOLUTE);
    assert_slice_equal(t.path, SLICE("/"));
    assert_int_equal(t.authority.port, 81);
    assert_int_equal(target_parse(SLICE("*"), METHOD_OPTIONS, &t, &reason), 0);
    assert_int_equal(target_parse(SLICE("h:443"), METHOD_CONNECT, &t, &reason), 0);
    static const struct {
        slice raw;
        enum method method;
        const char *reason;
    } bad[] = {
        { SLICE("*"), METHOD_GET, "uri.asterisk" },
        { SLICE("h:443"), METHOD_GET, "uri.target" },
        { SLICE("h"), METHOD_CONNECT, "uri.authority" },
        { SLICE("http://u@h/"), METHOD_GET, "uri.userinfo" },
        { SLICE("ftp://h/"), METHOD_GET, "uri.scheme" },
        { SLICE("http:///"), METHOD_GET, "uri.authority" },
        { SLICE("/a%2"), METHOD_GET, "uri.escape" },
        { SLICE("/a?b=%g0"), METHOD_GET, "uri.escape" },
        { SLICE("a/b"), METHOD_GET, "uri.target" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_int_equal(target_parse(bad[i].raw, bad[i].method, &t, &reason), -EINVAL);
        assert_string_equal(reason, bad[i].reason);
    }
}

TEST(references_hold_only_what_may_stand_in_a_uri)
{
    static const struct {
        slice text, written;
    } cases[] = {
        { SLICE("https://[::1]:8/a?b=c&d#e"), SLICE("https://[::1]:8/a?b=c&d#e") },
        { SLICE("/a b%20\\\"<>"), SLICE("/a%20b%20%5C%22%3C%3E") },
        { SLICE("/\r\nX: \0\x7f\xc3\xa9"), SLICE("/%0D%0AX:%20%00%7F%C3%A9") },
        { SLICE(""), SLICE("") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char memory[128];
        struct writer w = writer_over(memory, sizeof memory);
        uri_reference_write(&w, cases[i].text);
        assert_slice_equal(writer_slice(&w), cases[i].written);
    }
}

TEST(authority_is_a_host_with_an_optional_port)
{
    static const struct {
        slice in, host;
        uint16_t port;
    } good[] = {
        { SLICE("Example.COM"), SLICE("example.com"), 0 },
        { SLICE("a.b.:8080"), SLICE("a.b"), 8080 },
        { SLICE("192.0.2.1:1"), SLICE("192.0.2.1"), 1 },
        { SLICE("[2001:DB8:0:0::1]:443"), SLICE("2001:db8::1"), 443 },
        { SLICE("[::ffff:192.0.2.1]"), SLICE("::ffff:c000:201"), 0 },
        { SLICE("my_host-1"), SLICE("my_host-1"), 0 },
        { SLICE("xn--mnchen-3ya.de"), SLICE("xn--mnchen-3ya.de"), 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        struct authority a;
        char memory[256];
        struct writer w = writer_over(memory, sizeof memory);
        assert_int_equal(authority_parse(good[i].in, &a), 0);
        authority_write_host(&w, &a);
        assert_slice_equal(writer_slice(&w), good[i].host);
        assert_int_equal(a.has_port ? a.port : 0, good[i].port);
    }
    static const slice bad[] = {
        SLICE(""),
        SLICE("."),
        SLICE("a..b"),
        SLICE(".a"),
        SLICE("a b"),
        SLICE("a:0"),
        SLICE("a:"),
        SLICE("a:65536"),
        SLICE("a:1x"),
        SLICE("a:1:2"),
        SLICE("::1"),
        SLICE("[::1"),
        SLICE("[::1]x"),
        SLICE("[1.2.3.4]"),
        SLICE("[fe80::1%25eth0]"),
        SLICE("[v1.x]"),
        SLICE("u@a"),
        SLICE("a/b"),
        SLICE("a?b"),
        SLICE("a%41"),
        SLICE("1.2.3"),
        SLICE("1.2.3.4.5"),
        SLICE("0127.0.0.1"),
        SLICE("256.1.1.1"),
        SLICE("a.123"),
        SLICE("\xc3\xa4"),
        SLICE("a,b"),
        SLICE("[::1::]"),
        SLICE("[1:2:3:4:5:6:7]"),
        SLICE("[1:2:3:4:5:6:7:8:9]"),
        SLICE("[12345::]"),
        SLICE("[:1]"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct authority a;
        if (authority_parse(bad[i], &a) == 0)
            fail_msg("accepted: %.*s", SLICE_ARGUMENTS(bad[i]));
    }
}

TEST(local_names_are_those_that_nobody_else_certifies)
{
    static const slice local[] = {
        SLICE("localhost"),   SLICE("a.localhost"), SLICE("shop.test"),       SLICE("*.shop.test"),
        SLICE("db.internal"), SLICE("home.arpa"),   SLICE("nas.home.arpa"),   SLICE("nas.local"),
        SLICE("nas"),         SLICE("*.localhost"), SLICE("127.0.0.1"),       SLICE("192.0.2.7"),
        SLICE("::1"),         SLICE("2001:db8::1"), SLICE("::ffff:192.0.2.7")
    };
    static const slice other[] = { SLICE("example.com"), SLICE("test.example"),
                                   SLICE("arpa.com"),    SLICE("mylocalhost.com"),
                                   SLICE("xn--test.de"), SLICE(""),
                                   SLICE("a.arpa"),      SLICE("contest.example") };
    for (size_t i = 0; i < ARRAY_LENGTH(local); i++)
        if (!authority_is_local(local[i]))
            fail_msg("%.*s is local", SLICE_ARGUMENTS(local[i]));
    for (size_t i = 0; i < ARRAY_LENGTH(other); i++)
        if (authority_is_local(other[i]))
            fail_msg("%.*s is not local", SLICE_ARGUMENTS(other[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_has_one_canonical_form),
        cmocka_unit_test(path_slashes_are_one_documented_option),
        cmocka_unit_test(path_keeps_no_slash_beside_a_dot_segment),
        cmocka_unit_test(path_has_another_reading_for_servers_that_cut_parameters),
        cmocka_unit_test(target_has_four_forms),
        cmocka_unit_test(references_hold_only_what_may_stand_in_a_uri),
        cmocka_unit_test(authority_is_a_host_with_an_optional_port),
        cmocka_unit_test(local_names_are_those_that_nobody_else_certifies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
