#include "certifier/authority.h"
#include "certifier/testing.h"

static X509 *root;
static EVP_PKEY *root_key, *leaf_key;

static int open_group(void **state)
{
    root_key = EVP_EC_gen("P-256");
    leaf_key = EVP_EC_gen("P-256");
    return authority_make_root(root_key, SLICE("host.example"), TESTING_NOW_S, &root);
}

static int close_group(void **state)
{
    X509_free(root);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(leaf_key);
    return 0;
}

static int verify_for(X509 *leaf, const char *host, const char *address)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, root);
    X509_STORE_CTX_init(context, store, leaf, NULL);
    X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_time(p, TESTING_NOW_S);
    if (host)
        X509_VERIFY_PARAM_set1_host(p, host, 0);
    if (address)
        X509_VERIFY_PARAM_set1_ip_asc(p, address);
    X509_verify_cert(context);
    int result = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return result;
}

static X509 *make_leaf(const slice *names, uint32_t count, int64_t now_s)
{
    X509 *leaf = NULL;
    const struct authority_leaf want = { root, root_key, leaf_key, names, count, now_s };
    assert_int_equal(authority_make_leaf(&want, &leaf), 0);
    return leaf;
}

TEST(a_leaf_serves_its_names_and_addresses_under_strict_rules)
{
    const slice names[] = { SLICE("localhost"), SLICE("*.shop.test"), SLICE("127.0.0.1"),
                            SLICE("2001:db8::1") };
    X509 *leaf = make_leaf(names, 4, TESTING_NOW_S);
    assert_int_equal(verify_for(leaf, "localhost", NULL), X509_V_OK);
    assert_int_equal(verify_for(leaf, "a.shop.test", NULL), X509_V_OK);
    assert_int_equal(verify_for(leaf, NULL, "127.0.0.1"), X509_V_OK);
    assert_int_equal(verify_for(leaf, NULL, "2001:db8::1"), X509_V_OK);
    assert_int_equal(verify_for(leaf, "shop.test", NULL), X509_V_ERR_HOSTNAME_MISMATCH);
    assert_int_equal(verify_for(leaf, NULL, "127.0.0.2"), X509_V_ERR_IP_ADDRESS_MISMATCH);
    assert_true(authority_covers(leaf, names, 4));
    assert_true(authority_covers(leaf, &SLICE("LOCALHOST"), 1));
    assert_false(authority_covers(leaf, &SLICE("a.shop.test"), 1));
    assert_true(authority_issued(root, leaf));
    X509_free(leaf);
}

TEST(a_leaf_is_short_lived_and_ends_with_its_root)
{
    const slice name = SLICE("a.test");
    int days, seconds;
    X509 *leaf = make_leaf(&name, 1, TESTING_NOW_S);
    assert_int_equal(
        ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(leaf), X509_get0_notAfter(leaf)), 1);
    assert_int_equal(days, AUTHORITY_LEAF_DAYS);
    assert_int_equal(seconds, AUTHORITY_SKEW_S);
    X509_free(leaf);
    leaf = make_leaf(&name, 1, TESTING_NOW_S + (AUTHORITY_ROOT_DAYS - 1) * 86400ll);
    assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(leaf), X509_get0_notAfter(root)), 0);
    X509_free(leaf);
}

TEST(a_root_issues_leaves_only_and_says_where_it_is_from)
{
    char text[128];
    assert_int_equal(X509_get_pathlen(root), 0);
    assert_true(X509_check_ca(root) == 1);
    assert_int_equal((int)X509_get_key_usage(root), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    X509_NAME_get_text_by_NID(X509_get_subject_name(root), NID_commonName, text, sizeof text);
    assert_string_equal(text, "Portcullis local CA on host.example");
}

TEST(serials_differ_and_are_positive)
{
    const slice name = SLICE("a.test");
    X509 *a = make_leaf(&name, 1, TESTING_NOW_S), *b = make_leaf(&name, 1, TESTING_NOW_S);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(a), X509_get0_serialNumber(b)), 0);
    assert_int_equal(ASN1_STRING_type(X509_get0_serialNumber(a)), V_ASN1_INTEGER);
    X509_free(a);
    X509_free(b);
}

TEST(another_root_of_the_same_name_did_not_issue_it)
{
    const slice name = SLICE("a.test");
    X509 *leaf = make_leaf(&name, 1, TESTING_NOW_S), *other = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_int_equal(authority_make_root(key, SLICE("host.example"), TESTING_NOW_S, &other), 0);
    assert_false(authority_issued(other, leaf));
    X509_free(leaf);
    X509_free(other);
    EVP_PKEY_free(key);
}

TEST(no_names_and_too_many_are_refused)
{
    X509 *leaf = NULL;
    static slice names[AUTHORITY_NAMES_MAX + 1];
    struct authority_leaf want = { root, root_key, leaf_key, names, 0, TESTING_NOW_S };
    assert_int_equal(authority_make_leaf(&want, &leaf), -EINVAL);
    want.name_count = AUTHORITY_NAMES_MAX + 1;
    assert_int_equal(authority_make_leaf(&want, &leaf), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leaf_serves_its_names_and_addresses_under_strict_rules),
        cmocka_unit_test(a_leaf_is_short_lived_and_ends_with_its_root),
        cmocka_unit_test(a_root_issues_leaves_only_and_says_where_it_is_from),
        cmocka_unit_test(serials_differ_and_are_positive),
        cmocka_unit_test(another_root_of_the_same_name_did_not_issue_it),
        cmocka_unit_test(no_names_and_too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, open_group, close_group);
}
