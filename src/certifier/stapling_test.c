#include "certifier/stapling.h"

#include "certifier/report.h"
#include "certifier/testing_world.h"

static struct holdings all;
static struct holding *one;
static X509 *root;
static EVP_PKEY *root_key, *leaf_key;
static int status; /* what the responder says */

static int open_group(void **state)
{
    root_key = EVP_EC_gen("P-256");
    leaf_key = EVP_EC_gen("P-256");
    root = testing_root(root_key);
    return 0;
}

static int close_group(void **state)
{
    X509_free(root);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(leaf_key);
    return 0;
}

static void hold(bool names_responder, bool has_issuer, bool must_staple)
{
    struct certificate_record r = { .set = SLICE("a.example"),
                                    .names = { SLICE("a.example") },
                                    .name_count = 1 };
    struct testing_certificate t = {
        .name = "a.example",
        .key = leaf_key,
        .issuer = root,
        .issuer_key = root_key,
        .extensions = { { "authorityInfoAccess", names_responder ? "OCSP;URI:http://ocsp.example/"
                                                                 : "caIssuers;URI:http://x/" } }
    };
    if (must_staple) {
        t.extensions[1][0] = "tlsfeature";
        t.extensions[1][1] = "status_request";
    }
    X509 *leaf = testing_make(&t);
    struct chain *c;
    const char *why;
    assert_int_equal(chain_from_leaf(leaf, has_issuer ? root : NULL, &c, &why), 0);
    X509_free(leaf);
    assert_int_equal(holdings_want(&all, &r, 1, &one), 0);
    holdings_put_in_force(&all, 1, NULL);
    holding_take_chain(one, &c);
    one->is_changed = false;
}

static slice respond(void)
{
    unsigned char *der = NULL;
    X509 *leaf = chain_parse(one->chain, 0);
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, leaf, root);
    ASN1_TIME *from = ASN1_GENERALIZEDTIME_set(NULL, (time_t)testing.now_s);
    ASN1_TIME *until = ASN1_GENERALIZEDTIME_set(NULL, (time_t)testing.now_s + 7200);
    ASN1_TIME *revoked = status == V_OCSP_CERTSTATUS_REVOKED ? from : NULL;
    assert_non_null(OCSP_basic_add1_status(basic, id, status, 1, revoked, from, until));
    assert_int_equal(OCSP_basic_sign(basic, root, root_key, EVP_sha256(), NULL, 0), 1);
    OCSP_RESPONSE *r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    int length = i2d_OCSP_RESPONSE(r, &der);
    OCSP_RESPONSE_free(r);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_free(leaf);
    return slice_of((char *)der, (size_t)length);
}

static slice respond_nonsense(void)
{
    return slice_of(OPENSSL_strdup("<html>"), 6);
}

static int open_test(void **state)
{
    status = V_OCSP_CERTSTATUS_GOOD;
    TRY(testing_world_open(state));
    testing.respond = respond;
    return holdings_open(&all);
}

static int close_test(void **state)
{
    holdings_close(&all);
    return testing_world_close(state);
}

TEST(a_response_is_asked_for_and_kept_over_lives)
{
    hold(true, true, false);
    assert_false(stapling_begin(&testing.world, one));
    assert_string_equal(stapling_word(one), "waiting");
    assert_true(stapling_is_due(one, testing.now_s));
    assert_true(stapling_refresh(&testing.world, one));
    assert_string_equal(testing.url, "http://ocsp.example/");
    assert_string_equal(stapling_word(one), "good");
    assert_true(one->staple.response.len > 0 && one->is_changed);
    assert_false(stapling_is_due(one, testing.now_s + 3599));
    assert_true(stapling_is_due(one, testing.now_s + 3600));
    struct chain *again = one->chain;
    one->chain = NULL;
    holding_take_chain(one, &again); /* as after a restart: the same certificate */
    assert_int_equal(one->staple.response.len, 0);
    assert_true(stapling_begin(&testing.world, one));
    assert_string_equal(stapling_word(one), "good");
    assert_int_equal(testing.asked, 1);
}

TEST(one_that_names_nobody_is_not_asked_about)
{
    hold(false, true, true);
    assert_false(stapling_begin(&testing.world, one));
    assert_string_equal(stapling_word(one), "none");
    assert_false(stapling_is_due(one, testing.now_s + 1000000));
    hold(true, false, false);
    assert_false(stapling_begin(&testing.world, one));
    assert_false(stapling_is_due(one, testing.now_s + 1000000));
    assert_string_equal(one->staple.error, "its status cannot be asked for: the issuer's "
                                           "certificate is not behind it in the file");
}

TEST(who_does_not_answer_is_asked_again_and_the_old_response_stays)
{
    hold(true, true, true);
    (void)stapling_begin(&testing.world, one);
    assert_true(stapling_refresh(&testing.world, one));
    testing.respond = NULL;
    testing.now_s += 3600;
    assert_true(stapling_refresh(&testing.world, one));
    assert_string_equal(one->staple.error,
                        "the responder http://ocsp.example/: connection refused");
    assert_true(one->staple.response.len > 0);
    assert_true(one->staple.due_s == testing.now_s + 60);
    testing.now_s += 60;
    assert_false(stapling_refresh(&testing.world, one)); /* said once */
    assert_true(one->staple.due_s == testing.now_s + 120);
    testing.respond = respond_nonsense;
    assert_true(stapling_refresh(&testing.world, one));
    assert_string_equal(one->staple.error,
                        "the responder http://ocsp.example/: it is not an OCSP response");
    testing.respond = respond;
    assert_true(stapling_refresh(&testing.world, one));
    assert_string_equal(one->staple.error, "");
    assert_int_equal(one->staple.failures, 0);
}

TEST(what_is_out_of_date_is_taken_back)
{
    hold(true, true, true);
    (void)stapling_begin(&testing.world, one);
    assert_true(stapling_refresh(&testing.world, one));
    testing.now_s += 7199;
    assert_false(stapling_expire(&testing.world, one));
    testing.now_s++;
    one->is_changed = false;
    assert_true(stapling_expire(&testing.world, one));
    assert_true(one->is_changed);
    assert_int_equal(one->staple.response.len, 0);
    assert_string_equal(stapling_word(one), "waiting");
    struct chain *again = one->chain;
    one->chain = NULL;
    holding_take_chain(one, &again);
    assert_false(stapling_begin(&testing.world, one)); /* nor is it taken from the store */
}

TEST(a_revoked_certificate_is_told_and_nothing_is_stapled)
{
    hold(true, true, false);
    (void)stapling_begin(&testing.world, one);
    assert_true(stapling_refresh(&testing.world, one));
    status = V_OCSP_CERTSTATUS_REVOKED;
    assert_true(stapling_refresh(&testing.world, one));
    assert_string_equal(stapling_word(one), "revoked");
    assert_string_equal(one->staple.error, "REVOKED by its issuer (keyCompromise)");
    assert_int_equal(one->staple.response.len, 0);
    assert_false(stapling_refresh(&testing.world, one)); /* said once */
    status = V_OCSP_CERTSTATUS_UNKNOWN;
    assert_true(stapling_refresh(&testing.world, one));
    assert_string_equal(one->staple.error,
                        "the responder http://ocsp.example/: it does not know the certificate");
}

TEST(the_report_tells_it_line_by_line)
{
    char text[8192];
    struct writer w = writer_over(text, sizeof text);
    hold(true, true, true);
    one->source = CERTIFICATE_FROM_ACME;
    one->renew_s = TESTING_NOW_S + 60 * 86400;
    one->failures = 2;
    holding_fail(one, "the CA says \"slow down\"");
    (void)stapling_begin(&testing.world, one);
    assert_true(stapling_refresh(&testing.world, one));
    report_write(&w, &all, TESTING_NOW_S);
    char expected[8192];
    (void)snprintf(
        expected, sizeof expected,
        "[\n{\"name\":\"a.example\",\"kind\":\"acme\",\"names\":[\"a.example\"],"
        "\"issuer\":\"Test Root\",\"key\":\"ecdsa\",\"fingerprint\":\"%s\","
        "\"not_before\":\"2027-01-15T07:00:00Z\",\"not_after\":\"2027-04-15T08:00:00Z\","
        "\"days_left\":90,\"must_staple\":true,\"next_renewal\":\"2027-03-16T08:00:00Z\","
        "\"ocsp\":\"good\",\"ocsp_until\":\"2027-01-15T10:00:00Z\",\"failures\":2,"
        "\"error\":\"the CA says \\\"slow down\\\"\"}\n]\n",
        one->chain->hash);
    assert_slice_equal(writer_slice(&w), slice_from(expected));
    w.len = 0;
    report_write(&w, &all, TESTING_NOW_S + 90 * 86400 + 1);
    assert_true(slice_find(writer_slice(&w), SLICE("\"days_left\":-1")) < w.len);
}

TEST(the_end_is_told_fourteen_seven_and_one_days_before)
{
    static const struct {
        int64_t left_s;
        int warned;
    } cases[] = { { 15 * 86400, INT16_MAX },
                  { 14 * 86400, 14 },
                  { 13 * 86400, 14 },
                  { 7 * 86400, 7 },
                  { 86400, 1 },
                  { 0, 0 },
                  { -86400, 0 } };
    hold(false, true, false);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        report_warn_of_end(one, one->chain->not_after_s - cases[i].left_s);
        assert_int_equal(one->warned_days, cases[i].warned);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_test, close_test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_response_is_asked_for_and_kept_over_lives),
        CASE(one_that_names_nobody_is_not_asked_about),
        CASE(who_does_not_answer_is_asked_again_and_the_old_response_stays),
        CASE(what_is_out_of_date_is_taken_back),
        CASE(a_revoked_certificate_is_told_and_nothing_is_stapled),
        CASE(the_report_tells_it_line_by_line),
        CASE(the_end_is_told_fourteen_seven_and_one_days_before),
    };
    return cmocka_run_group_tests(tests, open_group, close_group);
}
