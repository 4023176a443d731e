#include "certifier/ocsp.h"
#include "certifier/testing.h"

static X509 *root, *leaf, *other;
static EVP_PKEY *root_key, *leaf_key;

static int open_group(void **state)
{
    root_key = EVP_EC_gen("P-256");
    leaf_key = EVP_EC_gen("P-256");
    root = testing_root(root_key);
    struct testing_certificate t = {
        .name = "a.example",
        .key = leaf_key,
        .issuer = root,
        .issuer_key = root_key,
        .extensions = { { "authorityInfoAccess",
                          "caIssuers;URI:http://x/,OCSP;URI:http://ocsp.example:81/a" } }
    };
    leaf = testing_make(&t);
    t.extensions[0][1] = "OCSP;URI:https://ocsp.example/";
    other = testing_make(&t);
    return 0;
}

static int close_group(void **state)
{
    X509_free(root);
    X509_free(leaf);
    X509_free(other);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(leaf_key);
    return 0;
}

struct answer {
    X509 *about;
    int status, reason;
    int64_t from_s, until_s; /* until 0: not said */
    X509 *signer;
    EVP_PKEY *signer_key;
};

static ASN1_TIME *time_of(int64_t seconds)
{
    return seconds ? ASN1_TIME_set(NULL, (time_t)seconds) : NULL;
}

/* A responder's answer, DER; OPENSSL_free. */
static slice respond(const struct answer *a)
{
    unsigned char *der = NULL;
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, a->about, root);
    ASN1_TIME *from = ASN1_GENERALIZEDTIME_set(NULL, (time_t)a->from_s);
    ASN1_TIME *until = a->until_s ? ASN1_GENERALIZEDTIME_set(NULL, (time_t)a->until_s) : NULL;
    ASN1_TIME *revoked =
        a->status == V_OCSP_CERTSTATUS_REVOKED ? time_of(TESTING_NOW_S - 50) : NULL;
    assert_non_null(OCSP_basic_add1_status(basic, id, a->status, a->reason, revoked, from, until));
    assert_int_equal(OCSP_basic_sign(basic, a->signer ? a->signer : root,
                                     a->signer ? a->signer_key : root_key, EVP_sha256(), NULL, 0),
                     1);
    OCSP_RESPONSE *r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    int length = i2d_OCSP_RESPONSE(r, &der);
    OCSP_RESPONSE_free(r);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    ASN1_TIME_free(revoked);
    assert_true(length > 0);
    return slice_of((char *)der, (size_t)length);
}

/* The result of judging; *ret_why "" when it is good. */
static int judge(const struct answer *a, struct ocsp_verdict *v, const char **ret_why)
{
    slice der = respond(a);
    *ret_why = "";
    int result = ocsp_judge(der, leaf, root, TESTING_NOW_S, v, ret_why);
    OPENSSL_free((void *)(uintptr_t)der.ptr);
    return result;
}

static const struct answer good = { .status = V_OCSP_CERTSTATUS_GOOD,
                                    .from_s = TESTING_NOW_S - 1000,
                                    .until_s = TESTING_NOW_S + 3000 };

TEST(the_responder_stands_in_the_certificate)
{
    char url[OCSP_URL_MAX];
    assert_int_equal(ocsp_url(leaf, url, sizeof url), 0);
    assert_string_equal(url, "http://ocsp.example:81/a");
    assert_int_equal(ocsp_url(root, url, sizeof url), -ENOENT);
    assert_int_equal(ocsp_url(other, url, sizeof url), -EPROTONOSUPPORT);
}

TEST(a_request_names_the_certificate)
{
    unsigned char *der;
    size_t count;
    assert_int_equal(ocsp_request(leaf, root, &der, &count), 0);
    const unsigned char *at = der;
    OCSP_REQUEST *r = d2i_OCSP_REQUEST(NULL, &at, (long)count);
    assert_non_null(r);
    assert_int_equal(OCSP_request_onereq_count(r), 1);
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, leaf, root);
    assert_int_equal(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(r, 0)), id), 0);
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(r);
    OPENSSL_free(der);
}

TEST(a_good_answer_of_the_issuer_is_good)
{
    struct ocsp_verdict v;
    const char *why;
    struct answer a = good;
    a.about = leaf;
    assert_int_equal(judge(&a, &v, &why), 0);
    assert_int_equal(v.status, OCSP_IS_GOOD);
    assert_true(v.this_update_s == a.from_s && v.next_update_s == a.until_s);
    assert_true(ocsp_refresh_s(&v, TESTING_NOW_S) == TESTING_NOW_S + 1000);
    assert_true(ocsp_refresh_s(&v, TESTING_NOW_S + 2000) == TESTING_NOW_S + 2300);
    assert_true(ocsp_refresh_s(&v, v.next_update_s - 200) == v.next_update_s - 100);
    assert_true(ocsp_refresh_s(&v, v.next_update_s - 1) == v.next_update_s + 9);
    a.until_s = 0;
    assert_int_equal(judge(&a, &v, &why), 0);
    assert_true(v.next_update_s == TESTING_NOW_S + 3600);
}

TEST(a_revoked_certificate_is_told_with_the_reason)
{
    struct ocsp_verdict v;
    const char *why;
    struct answer a = good;
    a.about = leaf;
    a.status = V_OCSP_CERTSTATUS_REVOKED;
    a.reason = OCSP_REVOKED_STATUS_KEYCOMPROMISE;
    assert_int_equal(judge(&a, &v, &why), 0);
    assert_int_equal(v.status, OCSP_IS_REVOKED);
    assert_true(v.revoked_s == TESTING_NOW_S - 50);
    assert_string_equal(v.reason, "keyCompromise");
    a.status = V_OCSP_CERTSTATUS_UNKNOWN;
    assert_int_equal(judge(&a, &v, &why), 0);
    assert_int_equal(v.status, OCSP_IS_UNKNOWN);
}

TEST(the_issuer_may_let_another_one_sign_and_nobody_else_may)
{
    struct ocsp_verdict v;
    const char *why;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct testing_certificate t = { .name = "signer",
                                     .key = key,
                                     .issuer = root,
                                     .issuer_key = root_key,
                                     .extensions = { { "extendedKeyUsage", "OCSPSigning" } } };
    X509 *delegate = testing_make(&t);
    t.extensions[0][1] = "serverAuth";
    X509 *not_allowed = testing_make(&t);
    t.issuer = NULL;
    t.extensions[0][1] = "OCSPSigning";
    X509 *stranger = testing_make(&t);
    struct answer a = good;
    a.about = leaf;
    a.signer_key = key;
    a.signer = delegate;
    assert_int_equal(judge(&a, &v, &why), 0);
    a.signer = not_allowed;
    assert_int_equal(judge(&a, &v, &why), -EINVAL);
    assert_string_equal(why, "its signature is not the issuer's");
    a.signer = stranger;
    assert_int_equal(judge(&a, &v, &why), -EINVAL);
    assert_string_equal(why, "its signature is not the issuer's");
    X509_free(delegate);
    X509_free(not_allowed);
    X509_free(stranger);
    EVP_PKEY_free(key);
}

TEST(what_is_not_in_time_or_about_another_is_refused)
{
    struct ocsp_verdict v;
    const char *why;
    struct answer a = good;
    a.about = leaf;
    a.until_s = TESTING_NOW_S;
    assert_int_equal(judge(&a, &v, &why), -EINVAL);
    assert_string_equal(why, "it is out of date (is the clock right?)");
    a.from_s = TESTING_NOW_S + 301;
    a.until_s = TESTING_NOW_S + 900;
    assert_int_equal(judge(&a, &v, &why), -EINVAL);
    assert_string_equal(why, "it is from the future (is the clock right?)");
    a.from_s = TESTING_NOW_S + 299;
    assert_int_equal(judge(&a, &v, &why), 0);
    a.about = other;
    assert_int_equal(judge(&a, &v, &why), -EINVAL);
    assert_string_equal(why, "it is about another certificate");
}

TEST(what_is_no_answer_is_refused_at_every_cut_and_bit)
{
    struct ocsp_verdict v;
    const char *why;
    struct answer a = good;
    a.about = leaf;
    slice der = respond(&a);
    char *copy = malloc(der.len);
    for (size_t cut = 0; cut < der.len; cut++)
        assert_int_equal(ocsp_judge(slice_first(der, cut), leaf, root, TESTING_NOW_S, &v, &why),
                         -EINVAL);
    for (size_t at = 60; at < 160; at++) { /* within what is signed */
        memcpy(copy, der.ptr, der.len);
        copy[at] ^= 4;
        assert_int_equal(ocsp_judge(slice_of(copy, der.len), leaf, root, TESTING_NOW_S, &v, &why),
                         -EINVAL);
    }
    free(copy);
    OPENSSL_free((void *)(uintptr_t)der.ptr);
    static const struct {
        slice der;
        const char *why;
    } refusals[] = {
        { SLICE("\x30\x03\x0a\x01\x03"), "the responder says: try later" },
        { SLICE("\x30\x03\x0a\x01\x06"),
          "the responder says: unauthorized (it does not know the certificate)" },
        { SLICE("\x30\x03\x0a\x01\x02"), "the responder says that the request failed" },
        { SLICE("<html>"), "it is not an OCSP response" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(refusals); i++) {
        assert_int_equal(ocsp_judge(refusals[i].der, leaf, root, TESTING_NOW_S, &v, &why), -EINVAL);
        assert_string_equal(why, refusals[i].why);
    }
}

TEST(who_fails_is_asked_less_and_less)
{
    static const int64_t spans[] = { 60, 120, 240, 480, 960, 1920, 3600, 3600 };
    for (uint32_t i = 0; i < ARRAY_LENGTH(spans); i++)
        assert_true(ocsp_back_off_s(i + 1) == spans[i]);
    assert_true(ocsp_back_off_s(UINT32_MAX) == 3600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_responder_stands_in_the_certificate),
        cmocka_unit_test(a_request_names_the_certificate),
        cmocka_unit_test(a_good_answer_of_the_issuer_is_good),
        cmocka_unit_test(a_revoked_certificate_is_told_with_the_reason),
        cmocka_unit_test(the_issuer_may_let_another_one_sign_and_nobody_else_may),
        cmocka_unit_test(what_is_not_in_time_or_about_another_is_refused),
        cmocka_unit_test(what_is_no_answer_is_refused_at_every_cut_and_bit),
        cmocka_unit_test(who_fails_is_asked_less_and_less),
    };
    return cmocka_run_group_tests(tests, open_group, close_group);
}
