#include "base/test.h"
#include "filters/log_text.h"

#include <stdlib.h>

static slice put_masked(slice text, size_t bytes_max, const struct log_escape *escape)
{
    static char memory[65536];
    struct writer w = writer_over(memory, sizeof memory);
    log_put_masked(&w, text, bytes_max, escape);
    assert_false(w.overflowed);
    return writer_slice(&w);
}

TEST(secrets_are_masked_and_nothing_else_is)
{
    static const struct {
        const char *text, *masked;
    } cases[] = {
        { "/", "/" },
        { "/a?b=c&d", "/a?b=c&d" },
        { "/a?", "/a?" },
        { "/a??&&;", "/a??&&;" },
        { "/a?token=x", "/a?token=***" },
        { "/a?token=", "/a?token=***" },
        { "/a?token", "/a?token" },
        { "/a?x=1&access_token=y&z=2", "/a?x=1&access_token=***&z=2" },
        { "/a?PASSWORD=y#f", "/a?PASSWORD=***#f" },
        { "/a?newPassword=a=b=c", "/a?newPassword=***" },
        { "/a?user[password]=y&user%5Bpassword%5D=z",
          "/a?user[password]=***&user%5Bpassword%5D=***" },
        { "/a?p%61ssword=y", "/a?p%61ssword=***" },
        { "/a?tokens[]=y&token[]=z", "/a?tokens[]=y&token[]=***" },
        { "/a?a=1;password=2;b=3", "/a?a=1;password=***;b=3" },
        { "/a?key=1&api_key=2&api-key=3&x.key=4&monkey=5",
          "/a?key=***&api_key=***&api-key=***&x.key=***&monkey=5" },
        { "/a?code=1&zip_code=2&pincode=3&pin=4", "/a?code=***&zip_code=2&pincode=3&pin=***" },
        { "/a?X-Amz-Signature=1&X-Amz-Credential=2&X-Amz-Date=3",
          "/a?X-Amz-Signature=***&X-Amz-Credential=***&X-Amz-Date=3" },
        { "/a?PHPSESSID=1&sid=2&inside=3", "/a?PHPSESSID=***&sid=***&inside=3" },
        { "/a;jsessionid=1/b;v=2?c=d", "/a;jsessionid=***/b;v=2?c=d" },
        { "/token=1/b", "/token=1/b" },
        { "https://h.test/a?secret=1&b=2", "https://h.test/a?secret=***&b=2" },
        { "https://user:pw@h.test/a@b", "https://***@h.test/a@b" },
        { "https://user:p@ss@h.test", "https://***@h.test" },
        { "https://h.test/a@b", "https://h.test/a@b" },
        { "/go?to=https://u:p@h/", "/go?to=https://***@h/" },
        { "/go?to=https%3A%2F%2Fu%3Ap%40%73%40h%2F&a=b@c",
          "/go?to=https%3A%2F%2F***%40h%2F&a=b@c" },
        { "/go/https://u:p@h/x", "/go/https://***@h/x" },
        { "/go?a=ftp://u:p@h,ftp://v@h", "/go?a=ftp://***@h,ftp://***@h" },
        { "/go?a=b@c&to=https%3a%2f%2fh%2fa%40b", "/go?a=b@c&to=https%3a%2f%2fh%2fa%40b" },
        { "/go?a=see%20https://h%20or%20mail%20b@c", "/go?a=see%20https://h%20or%20mail%20b@c" },
        { "/go?a=https://@h&b=:/@", "/go?a=https://@h&b=:/@" },
        { "/go?to=https://u:p%2F%20%3Fq@h/a@b", "/go?to=https://***@h/a@b" },
        { "/go?to=https%3A%2F%2Fu%3Ap%252Fq%40h%2Fa%40b", "/go?to=https%3A%2F%2F***%40h%2Fa%40b" },
        { "/go?to=https%253A%252F%252Fu%253Ap%2540h%252Fa%2540b",
          "/go?to=https%253A%252F%252F***%2540h%252Fa%2540b" },
        { "/go?to=%25252F%25253A%25252F%25252Fu%25253Ap%252540h",
          "/go?to=%25252F%25253A%25252F%25252F***%252540h" },
        { "/go?to=%252525252525253A%252525252525252F%252525252525252Fu%2525252525252540h",
          "/go?to=%252525252525253A%252525252525252F%252525252525252F***%2525252525252540h" },
        { "/go?a=see%2520https%3A%2F%2Fh%2520or%2520mail%2520b%40c",
          "/go?a=see%2520https%3A%2F%2Fh%2520or%2520mail%2520b%40c" },
        { "/go?a=100%25&b=https://u:p%25@h%25", "/go?a=100%25&b=https://***@h%25" },
        { "GET /a?token=1 HTTP/1.1", "GET /a?token=***" },
        { "", "" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_slice_equal(put_masked(slice_from(cases[i].text), 4096, &log_escape_json),
                           slice_from(cases[i].masked));
}

static slice put_value(slice text)
{
    static char memory[4096];
    struct writer w = writer_over(memory, sizeof memory);
    log_put_value(&w, text, sizeof memory, &log_escape_combined);
    assert_false(w.overflowed);
    return writer_slice(&w);
}

TEST(a_value_shows_an_attack_and_no_secret_that_is_named)
{
    static const struct {
        const char *text, *masked;
    } cases[] = {
        { "", "" },
        { "1' or 1=1 --", "1' or 1=1 --" },
        { "select password from users", "select password from users" },
        { "a=1&password=hunter2&b=2", "a=1&password=***&b=2" },
        { "password='hun ter2' or 1=1", "password='***' or 1=1" },
        { "user[password]=x y", "user[password]=*** y" },
        { "{'password':'hun,ter2','b':1}", "{'password':'***','b':1}" },
        { "{'pin' : 1234, 'b':1}", "{'pin' : ***, 'b':1}" },
        { "<a><password>hunter2</password><b>c", "<a><password>***</password><b>c" },
        { "Bearer token: abc def", "Bearer token: *** def" },
        { "my token", "my token" },
        { "token=", "token=***" },
        { "password%22:%22hunter2%22,%22b%22:1", "password%22:%22***%22,%22b%22:1" },
        { "x%5Bpin%5D%3D12%26b", "x%5Bpin%5D%3D***%26b" },
        { "see https://u:p@h/ 1' or 1=1", "see https://***@h/ 1' or 1=1" },
        { "{'to':'https:\\/\\/u:p@h','a':1}", "{'to':'https:\\x5C/\\x5C/***@h','a':1}" },
        { "https://h/a@b", "https://h/a@b" },
        { "password%", "password%" },
        { "password%2", "password%2" },
        { "eyJwYXNzd29yZCI6Imh1bnRlcjIiLCJhIjoiYiJ9", "***" },
        { "dW5pb24gc2VsZWN0IDEsMiwzIGZyb20gdGFibGU=", "dW5pb24gc2VsZWN0IDEsMiwzIGZyb20gdGFibGU=" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_slice_equal(put_value(slice_from(cases[i].text)), slice_from(cases[i].masked));
}

TEST(a_secret_in_base64_is_masked_with_all_of_its_value)
{
    static const char *const hiding[] = {
        "eyJwYXNzd29yZCI6Imh1bnRlcjIifQ==",     "eyJwYXNzd29yZCI6Imh1bnRlcjIifQ",
        "eyJwYXNzd29yZCI6Imh1bnRlcjIifQ%3D%3D", "eyJhIjoxfQ.eyJwYXNzd29yZCI6Imh1bnRlcjIifQ.c2ln",
        "YT0xJnBhc3N3b3JkPWh1bnRlcjI=",         "aHR0cHM6Ly91OnBAaG9zdC8=",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(hiding); i++)
        assert_true(log_value_hides_secret(slice_from(hiding[i])));
    static const char *const plain[] = {
        "",  "password", "eyJhIjoxfQ==", "two words of text", "0123456789abcdef0123456789abcdef",
        "%", "%4"
    };
    for (size_t i = 0; i < ARRAY_LENGTH(plain); i++)
        assert_false(log_value_hides_secret(slice_from(plain[i])));
    assert_slice_equal(
        put_masked(SLICE("/?q=eyJwYXNzd29yZCI6Imh1bnRlcjIifQ==&a=b"), 4096, &log_escape_json),
        SLICE("/?q=***&a=b"));
}

TEST(a_secret_that_a_value_names_is_masked_with_all_of_it)
{
    assert_true(log_value_hides_secret(SLICE("%7B%22password%22:%22hunter2%22%7D")));
    assert_true(log_value_hides_secret(SLICE("{\"token\": 1}")));
    assert_true(log_value_hides_secret(SLICE("%3Ctoken%3Eabc")));
    assert_false(log_value_hides_secret(SLICE("select+password+from+users")));
    assert_false(log_value_hides_secret(SLICE("%3C/token%3Eabc")));
}

TEST(texts_are_cut_between_characters_and_escapes)
{
    static char text[3000];
    for (size_t i = 0; i + 3 <= sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    slice cut = put_masked(slice_of(text, sizeof text), 1000, &log_escape_json);
    assert_true(cut.len <= 1000 && cut.len > 1000 - 200);
    assert_int_equal(cut.len % 3, 0); /* whole characters, and the sign of the cut is one too */
    assert_slice_equal(slice_after(cut, cut.len - 6), SLICE("\xe2\x82\xac\xe2\x80\xa6"));

    memset(text, 1, sizeof text);
    cut = put_masked(slice_of(text, sizeof text), 1000, &log_escape_json);
    assert_true(cut.len <= 1000 && cut.len > 1000 - 200);
    assert_int_equal(cut.len % 6, 3);
    cut = put_masked(slice_of(text, sizeof text), 1000, &log_escape_combined);
    assert_true(cut.len <= 1000 && cut.len % 4 == 0);
}

TEST(combined_escapes_as_nginx_does)
{
    assert_slice_equal(put_masked(SLICE("a\"b\\c\x7f\xff\x1f d"), 4096, &log_escape_combined),
                       SLICE("a\\x22b\\x5Cc\\x7F\\xFF\\x1F d"));
}

/* What stays inside the bound, whatever the bytes are. */
TEST(any_bytes_stay_within_the_bound)
{
    static char text[9000];
    srandom(7);
    for (int round = 0; round < 3000; round++) {
        size_t length = (size_t)random() % sizeof text, bound = 64 + (size_t)random() % 5000;
        static const char some[] = "?&;#=/@:token%5d\"\\";
        for (size_t i = 0; i < length; i++)
            text[i] = random() % 3 ? some[(size_t)random() % (sizeof some - 1)] : (char)random();
        slice written = put_masked(slice_of(text, length), bound,
                                   round % 2 ? &log_escape_json : &log_escape_combined);
        assert_true(written.len <= bound);
        for (size_t i = 0; i < written.len; i++)
            assert_true((unsigned char)written.ptr[i] >= 0x20);
    }
}

#define TEN(text) text text text text text text text text text text

TEST(a_name_tells_by_its_end_however_it_is_written)
{
    static const char *const secret[] = {
        "password",
        "PassWord",
        "access_token",
        "newPassword",
        "api_key",
        "key",
        "x-auth",
        "sid",
        "JSESSIONID",
        "code",
        "CODE",
        "user[password]",
        "token[]",
        "p%61ssword",
        "passwor%64",
        "%70in",
        "my%5fpin",
        "user%5Bpassword%5D",
        "c%6Fde",
        "otp",
        "a.sig",
        "credentials",
        "samlResponse",
        "%50%41%53%53",
        "a%2fkey",
        (TEN(TEN("x")) "password"),
        (TEN(TEN("%41")) "_key"),
        ("password" TEN(TEN("]"))),
        ("token" TEN(TEN("%5b%5D"))),
        (TEN("%70%61%73%73%77%6f%72%64")),
        "password_confirmation",
        "passwordRepeat",
        "user[Password_confirmation]",
        "pass%77ord_again",
        "new_passwd_2",
        "passswpassw",
        "pass1",
        "pass[pass1]",
        "token2",
        "token[0]",
        "api_key%5B12%5D",
    };
    static const char *const plain[] = {
        "",        "[",
        "%5D",     "%",
        "%6",      "monkey",
        "xcode",   "my_code",
        "spin",    "compass",
        "Accept",  "Content-Length",
        "Host",    "token2x",
        "passing", "p@ssword",
        "keys",    "author",
        "e",       "d",
        "tokens",  "a%20",
        "pass%78", "opensid",
        "design",  (TEN(TEN("token-")) "x"),
        "turnkey", "oauth2",
        "md5",     "wssap",
        "2",       "[0]",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(secret); i++)
        if (!log_name_is_secret(slice_from(secret[i])))
            fail_msg("%s is one", secret[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(plain); i++)
        if (log_name_is_secret(slice_from(plain[i])))
            fail_msg("%s is none", plain[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_masked_and_nothing_else_is),
        cmocka_unit_test(a_value_shows_an_attack_and_no_secret_that_is_named),
        cmocka_unit_test(a_secret_in_base64_is_masked_with_all_of_its_value),
        cmocka_unit_test(a_secret_that_a_value_names_is_masked_with_all_of_it),
        cmocka_unit_test(a_name_tells_by_its_end_however_it_is_written),
        cmocka_unit_test(texts_are_cut_between_characters_and_escapes),
        cmocka_unit_test(combined_escapes_as_nginx_does),
        cmocka_unit_test(any_bytes_stay_within_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
