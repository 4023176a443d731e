#include "base/test.h"

#include <errno.h>
#include <openssl/x509v3.h>

#include "acme/problem.h"
#include "acme/renewal.h"
#include "acme/request.h"
#include "acme/settings.h"

#define HOUR 3600000ll
#define DAY  (24 * HOUR)

TEST(moments_are_read_as_rfc_3339_writes_them)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = { { "1970-01-01T00:00:01Z", 1000 },
                  { "2025-01-02T04:00:00Z", 1735790400000 },
                  { "2025-01-02t04:00:00.123456z", 1735790400000 },
                  { "2025-01-02T05:30:00+01:30", 1735790400000 },
                  { "2025-01-01T20:00:00-08:00", 1735790400000 },
                  { "2024-02-29T00:00:00Z", 1709164800000 } };
    static const char *const broken[] = { "",
                                          "2025-01-02",
                                          "2025-01-02T04:00:00",
                                          "2025-13-02T04:00:00Z",
                                          "2025-00-02T04:00:00Z",
                                          "2025-01-02T24:00:00Z",
                                          "2025-01-02T04:00:00+1:00",
                                          "2025-01-02T04:00:00Zx",
                                          "+025-01-02T04:00:00Z",
                                          "25-01-02T04:00:00Z" };
    int64_t ms;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(renewal_parse_time(slice_from(cases[i].text), &ms), 0);
        assert_int_equal(ms, cases[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(broken); i++)
        assert_int_equal(renewal_parse_time(slice_from(broken[i]), &ms), -EPROTO);
}

TEST(windows_are_judged)
{
    static const struct {
        const char *json;
        int result;
    } cases[] = {
        { "{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\",\"end\":\"2025-01-03T04:00:"
          "00Z\"}}",
          0 },
        { "{\"suggestedWindow\":{\"start\":\"2025-01-03T04:00:00Z\",\"end\":\"2025-01-02T04:00:"
          "00Z\"}}",
          -EPROTO },
        { "{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\",\"end\":\"2025-01-02T04:00:"
          "00Z\"}}",
          -EPROTO },
        { "{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\"}}", -EPROTO },
        { "{\"suggestedWindow\":[]}", -EPROTO },
        { "{\"suggestedWindow\":{\"start\":1,\"end\":2}}", -EPROTO },
        { "{}", -EPROTO },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct renewal_window window = { 7, 8 };
        json_t *json = json_loads(cases[i].json, 0, NULL);
        assert_int_equal(renewal_take_window(json, &window), cases[i].result);
        assert_int_equal(window.end_ms - window.start_ms, cases[i].result == 0 ? DAY : 1);
        json_decref(json);
    }
}

/* RFC 9773 §4.1: its own example. */
TEST(a_certificate_has_the_name_of_rfc_9773)
{
    static const unsigned char authority[] = { 0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40,
                                               0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0,
                                               0xae, 0x2c, 0xde, 0x01, 0xc8, 0xd4 };
    char memory[RENEWAL_ID_MAX];
    struct writer w = writer_over(memory, sizeof memory);
    X509 *leaf = X509_new();
    assert_int_equal(renewal_id(leaf, &w), -ENOENT); /* without an authority's identifier */
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
    id->keyid = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(id->keyid, authority, sizeof authority);
    assert_int_equal(X509_add1_ext_i2d(leaf, NID_authority_key_identifier, id, 0, 0), 1);
    AUTHORITY_KEYID_free(id);
    assert_int_equal(ASN1_INTEGER_set_uint64(X509_get_serialNumber(leaf), 0x87654321), 1);
    unsigned char *der = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_set_version(leaf, 2);
    X509_set_pubkey(leaf, key);
    X509_gmtime_adj(X509_getm_notBefore(leaf), 0);
    X509_gmtime_adj(X509_getm_notAfter(leaf), 60);
    assert_true(X509_sign(leaf, key, EVP_sha256()) > 0);
    int bytes = i2d_X509(leaf, &der);
    const unsigned char *at = der;
    X509 *again = d2i_X509(NULL, &at, bytes);
    w.len = 0;
    assert_int_equal(renewal_id(again, &w), 0);
    assert_slice_equal(writer_slice(&w), SLICE("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"));
    X509_free(again);
    X509_free(leaf);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
}

TEST(without_a_window_two_thirds_of_the_lifetime_count)
{
    static const int64_t lives[] = { 6 * DAY, 47 * DAY, 90 * DAY, 365 * DAY, HOUR };
    for (size_t i = 0; i < ARRAY_LENGTH(lives); i++)
        for (uint64_t chance = 0; chance < UINT64_MAX / 2; chance = chance * 7 + 12345) {
            int64_t moment = renewal_by_lifetime(DAY, DAY + lives[i], chance) - DAY;
            assert_true(moment <= lives[i] * 2 / 3);
            assert_true(moment >= lives[i] * 2 / 3 - lives[i] / 20 - 2);
        }
    assert_int_equal(renewal_by_lifetime(5, 5, 99), 5);
}

TEST(a_moment_lies_in_the_window_and_before_the_end)
{
    struct renewal_window window = { 10 * DAY, 12 * DAY };
    int64_t first = renewal_by_window(&window, 0, 30 * DAY, 1), other = 0;
    for (uint64_t chance = 0; chance < UINT64_MAX / 8; chance = chance * 5 + 77777777) {
        int64_t moment = renewal_by_window(&window, 0, 30 * DAY, chance);
        assert_in_range(moment, window.start_ms, window.end_ms - 1);
        other = moment != first ? moment : other;
    }
    assert_int_not_equal(other, 0); /* it is drawn */
    /* A CA that is wrong about the end does not make us miss it. */
    struct renewal_window late = { 40 * DAY, 50 * DAY };
    assert_int_equal(renewal_by_window(&late, 0, 36 * DAY, 3), 33 * DAY);
}

TEST(failures_are_tried_again_later_each_time)
{
    for (uint32_t failures = 1; failures < 100; failures++) {
        int64_t expected = failures > 11 ? DAY : RENEWAL_BACK_OFF_MIN_MS << (failures - 1);
        expected = expected < DAY ? expected : DAY;
        for (uint64_t chance = 1; chance < UINT64_MAX / 4; chance = chance * 3 + 5) {
            int64_t delay = renewal_back_off(failures, -1, false, chance);
            assert_in_range(delay, expected * 4 / 5, expected * 6 / 5);
        }
    }
    /* what the CA asks for counts, and rateLimited is never less than most of an hour */
    assert_true(renewal_back_off(1, 7 * 86400, false, 3) >= 7 * DAY);
    assert_true(renewal_back_off(1, -1, true, 3) >= HOUR * 4 / 5);
    assert_true(renewal_back_off(UINT32_MAX, 0, false, 3) <= DAY * 6 / 5);
}

static struct acme_reply reply_with(const char *type, const char *body)
{
    struct acme_reply r = { .status = 429, .retry_after_s = 60, .body_bytes = strlen(body) };
    strncpy(r.content_type, type, sizeof r.content_type - 1);
    r.body = (char *)(uintptr_t)body;
    return r;
}

TEST(problems_are_told_in_the_words_of_the_ca)
{
    static const struct {
        const char *type, *body, *short_type, *text;
    } cases[] = {
        { "application/problem+json",
          "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too "
          "many\\ncertificates\"}",
          "rateLimited", "the CA refused the order: rateLimited: too many certificates" },
        { "application/problem+json",
          "{\"type\":\"urn:ietf:params:acme:error:compound\",\"detail\":\"two\",\"subproblems\":["
          "{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"forbids\",\"identifier\":{"
          "\"type\":"
          "\"dns\",\"value\":\"a.example\"}},{\"type\":\"urn:ietf:params:acme:error:dns\"}]}",
          "compound", "the CA refused the order: compound: two (a.example: caa: forbids; dns)" },
        { "application/problem+json", "{\"type\":7}", "",
          "the CA refused the order: error without a type" },
        { "application/problem+json", "{broken", "",
          "the CA answered the order with HTTP status 429 and no problem document: {broken" },
        { "text/html", "<h1>busy</h1>", "",
          "the CA answered the order with HTTP status 429 and no problem document: <h1>busy</h1>" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct acme_problem p;
        struct acme_reply r = reply_with(cases[i].type, cases[i].body);
        acme_problem_take(&p, "the order", &r);
        assert_string_equal(p.type, cases[i].short_type);
        assert_string_equal(p.text, cases[i].text);
        assert_int_equal(p.status, 429);
        assert_int_equal(p.retry_after_s, 60);
    }
}

TEST(a_problem_of_any_length_is_cut_between_letters)
{
    static char body[16384];
    struct writer w = writer_over(body, sizeof body - 1);
    writer_literal(&w, "{\"type\":\"about:blank\",\"detail\":\"");
    for (int i = 0; i < 3000; i++)
        writer_literal(&w, "\xc3\xa4");
    writer_literal(&w, "\"}");
    struct acme_problem p;
    struct acme_reply r = reply_with("application/problem+json", body);
    acme_problem_take(&p, "the order", &r);
    size_t length = strlen(p.text);
    assert_true(length >= ACME_ERROR_BYTES - 3 && length < ACME_ERROR_BYTES);
    assert_int_equal((uint8_t)p.text[length - 1], 0xa4);
}

TEST(header_lines_are_taken_whole_or_not_at_all)
{
    struct acme_reply r = { .retry_after_s = -1 };
    char long_line[2000] = "Location: https://";
    memset(long_line + 18, 'x', sizeof long_line - 18);
    acme_reply_take_field(&r, SLICE("replay-nonce:  abc "), 0);
    acme_reply_take_field(&r, SLICE("Content-Type: application/problem+json; charset=utf-8"), 0);
    acme_reply_take_field(&r, slice_of(long_line, sizeof long_line), 0);
    acme_reply_take_field(&r,
                          SLICE("Link: <https://ca/dir>;rel=\"index\", <https://ca/2>; "
                                "rel=\"alternate\""),
                          0);
    acme_reply_take_field(&r, SLICE("LINK: <https://ca/3>;rel=\"alternate\""), 0);
    assert_string_equal(r.nonce, "abc");
    assert_string_equal(r.content_type, "application/problem+json");
    assert_string_equal(r.location, "");
    assert_int_equal(r.alternate_count, 2);
    assert_string_equal(r.alternates[0], "https://ca/2");
    assert_string_equal(r.alternates[1], "https://ca/3");
    acme_reply_take_field(&r, SLICE("Retry-After: 120"), 0);
    assert_int_equal(r.retry_after_s, 120);
    acme_reply_take_field(&r, SLICE("Date: Thu, 02 Jan 2025 04:00:00 GMT"), 0);
    acme_reply_take_field(&r, SLICE("Retry-After: Thu, 02 Jan 2025 04:01:40 GMT"), 0);
    assert_int_equal(r.retry_after_s, 100); /* by the server's clock, not ours */
    acme_reply_take_field(&r, SLICE("Retry-After: 99999999999999999999"), 0);
    assert_int_equal(r.retry_after_s, 30 * 86400);
    acme_reply_take_field(&r, SLICE("no colon"), 0);
}

TEST(settings_survive_the_way_to_another_process)
{
    char memory[ACME_SETTINGS_BYTES];
    struct writer w = writer_over(memory, sizeof memory);
    struct arena arena;
    struct acme_settings s = { .is_on = true,
                               .must_staple = true,
                               .challenge = ACME_CHALLENGE_DNS,
                               .key = ACME_KEY_RSA,
                               .directory = SLICE("https://ca/dir"),
                               .contact = SLICE("a\"b@example.com"),
                               .eab_key = SLICE("c2VjcmV0"),
                               .reach_http = ACME_REACH_STANDARD,
                               .http_address = SLICE("127.0.0.1:80") },
                         got;
    acme_settings_write(&s, &w);
    arena_open(&arena, NULL, 0, 4096, 1 << 20);
    assert_int_equal(acme_settings_read(writer_slice(&w), &arena, &got), 0);
    assert_true(got.is_on && got.must_staple && !got.is_staging);
    assert_int_equal(got.challenge, ACME_CHALLENGE_DNS);
    assert_int_equal(got.key, ACME_KEY_RSA);
    assert_int_equal(got.reach_http, ACME_REACH_STANDARD);
    assert_slice_equal(got.contact, s.contact);
    assert_slice_equal(got.eab_key, s.eab_key);
    assert_int_equal(got.profile.len, 0);
    assert_slice_equal(acme_settings_directory(&got), s.directory);
    assert_int_equal(acme_settings_staging(&got).len, 0);
    for (size_t cut = 0; cut < w.len; cut++)
        assert_int_equal(acme_settings_read(slice_of(w.ptr, cut), &arena, &got), -EPROTO);
    arena_close(&arena);
}

TEST(a_proof_carries_the_digest_in_a_critical_extension)
{
    unsigned char *der;
    size_t bytes;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    slice domain = SLICE("app.example.com");
    assert_int_equal(request_make_proof(key, domain, SLICE("token.thumbprint"), &der, &bytes), 0);
    const unsigned char *at = der;
    X509 *proof = d2i_X509(NULL, &at, (long)bytes);
    assert_int_equal(X509_verify(proof, key), 1);
    assert_true(request_covers(proof, &domain, 1));
    ASN1_OBJECT *identifier = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    int place = X509_get_ext_by_OBJ(proof, identifier, -1);
    assert_true(place >= 0);
    X509_EXTENSION *extension = X509_get_ext(proof, place);
    assert_int_equal(X509_EXTENSION_get_critical(extension), 1);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    unsigned char digest[32];
    EVP_Digest("token.thumbprint", 16, digest, NULL, EVP_sha256(), NULL);
    assert_int_equal(ASN1_STRING_length(value), 34);
    assert_memory_equal(ASN1_STRING_get0_data(value), "\x04\x20", 2);
    assert_memory_equal(ASN1_STRING_get0_data(value) + 2, digest, 32);
    ASN1_OBJECT_free(identifier);
    X509_free(proof);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
}

TEST(a_request_names_everything_and_asks_to_be_stapled)
{
    unsigned char *der;
    size_t bytes;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    slice names[] = { SLICE("example.com"), SLICE("*.example.com") };
    assert_int_equal(request_make(key, names, 2, true, &der, &bytes), 0);
    const unsigned char *at = der;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)bytes);
    assert_int_equal(X509_REQ_verify(request, key), 1);
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *listed = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    assert_int_equal(sk_GENERAL_NAME_num(listed), 2);
    assert_true(X509v3_get_ext_by_NID(extensions, NID_tlsfeature, -1) >= 0);
    GENERAL_NAMES_free(listed);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_read_as_rfc_3339_writes_them),
        cmocka_unit_test(windows_are_judged),
        cmocka_unit_test(a_certificate_has_the_name_of_rfc_9773),
        cmocka_unit_test(without_a_window_two_thirds_of_the_lifetime_count),
        cmocka_unit_test(a_moment_lies_in_the_window_and_before_the_end),
        cmocka_unit_test(failures_are_tried_again_later_each_time),
        cmocka_unit_test(problems_are_told_in_the_words_of_the_ca),
        cmocka_unit_test(a_problem_of_any_length_is_cut_between_letters),
        cmocka_unit_test(header_lines_are_taken_whole_or_not_at_all),
        cmocka_unit_test(settings_survive_the_way_to_another_process),
        cmocka_unit_test(a_proof_carries_the_digest_in_a_critical_extension),
        cmocka_unit_test(a_request_names_everything_and_asks_to_be_stapled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
