#include "certifier/chain.h"
#include "certifier/holding.h"
#include "certifier/testing.h"
#include "net/key_protocol.h"

static struct holdings all;
static X509 *root, *leaf;
static EVP_PKEY *root_key, *leaf_key;

static int open_test(void **state)
{
    return holdings_open(&all);
}

static int close_test(void **state)
{
    holdings_close(&all);
    return 0;
}

static int open_group(void **state)
{
    root_key = EVP_EC_gen("P-256");
    leaf_key = EVP_EC_gen("P-256");
    root = testing_root(root_key);
    leaf = testing_make(
        &(struct testing_certificate){ .name = "a.example",
                                       .key = leaf_key,
                                       .issuer = root,
                                       .issuer_key = root_key,
                                       .extensions = { { "tlsfeature", "status_request" } } });
    return 0;
}

static int close_group(void **state)
{
    X509_free(root);
    X509_free(leaf);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(leaf_key);
    return 0;
}

static struct holding *want(const char *set, const char *file, uint64_t generation)
{
    struct holding *h = NULL;
    struct certificate_record r = { .set = slice_from(set),
                                    .certificate_path = slice_from(file),
                                    .names = { slice_from(set), SLICE("other") },
                                    .name_count = 2 };
    assert_int_equal(holdings_want(&all, &r, generation, &h), 0);
    return h;
}

TEST(a_chain_is_the_same_from_text_and_record)
{
    OWNS(chain_free) struct chain *a = NULL;
    OWNS(chain_free) struct chain *b = NULL;
    struct certificate_record r = { .set = SLICE("a") };
    const char *why;
    char *pem = testing_pem(leaf, root);
    assert_int_equal(chain_from_pem(slice_from(pem), &a, &why), 0);
    free(pem);
    assert_int_equal(a->count, 2);
    assert_true(a->must_staple);
    assert_int_equal(a->kind, KEY_EC);
    assert_string_equal(a->issuer, "Test Root");
    assert_true(a->not_after_s == TESTING_NOW_S + 90 * 86400);
    assert_true(a->key_id == key_id_of(a->spki));
    assert_int_equal(strlen(a->hash), 2 * CHAIN_HASH_BYTES);
    chain_fill_record(a, &r);
    assert_int_equal(chain_from_record(&r, &b, &why), 0);
    assert_true(chain_equal(a, b));
    assert_false(chain_equal(a, NULL));
    assert_true(chain_equal(NULL, NULL));
    X509 *again = chain_parse(b, 1);
    assert_int_equal(X509_cmp(again, root), 0);
    X509_free(again);
    assert_null(chain_parse(b, 2));
}

TEST(a_chain_is_written_as_it_was_read)
{
    OWNS(chain_free) struct chain *a = NULL;
    char text[8192];
    const char *why;
    char *pem = testing_pem(leaf, root);
    struct writer w = writer_over(text, sizeof text);
    assert_int_equal(chain_from_leaf(leaf, root, &a, &why), 0);
    assert_int_equal(chain_write_pem(a, &w), 0);
    assert_slice_equal(writer_slice(&w), slice_from(pem));
    free(pem);
}

TEST(texts_that_hold_no_chain_are_refused_with_the_reason)
{
    struct chain *c = NULL;
    const char *why;
    assert_int_equal(chain_from_pem(SLICE(""), &c, &why), -EINVAL);
    assert_string_equal(why, "there is no certificate in it (BEGIN CERTIFICATE)");
    assert_int_equal(chain_from_pem(SLICE("\x30\x82\x03\x01\x30\x82\x02"), &c, &why), -EINVAL);
    assert_string_equal(
        why, "it is in DER; PEM is expected (openssl x509 -inform der -in FILE -out NEW)");
    assert_int_equal(chain_from_pem(SLICE("\x30\x82\x09\x01\x02\x01\x03"), &c, &why), -EINVAL);
    assert_string_equal(
        why, "it is PKCS#12; PEM is expected (openssl pkcs12 -in FILE -nokeys -out NEW)");
    assert_int_equal(
        chain_from_pem(SLICE("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"), &c,
                       &why),
        -EINVAL);
    assert_string_equal(why, "a certificate in it is malformed");
    assert_null(c);
}

TEST(a_holding_is_found_by_set_and_file)
{
    struct holding *a = want("a.example", "", 1), *b = want("a.example", "/b.pem", 1);
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(want("a.example", "", 2), a);
    assert_ptr_equal(holdings_find(&all, SLICE("a.example"), SLICE("/b.pem")), b);
    assert_null(holdings_find(&all, SLICE("b.example"), SLICE("")));
    assert_int_equal(all.count, 2);
    assert_slice_equal(a->names[1], SLICE("other"));
}

TEST(what_no_configuration_wants_any_more_is_forgotten)
{
    want("stays", "", 1);
    want("goes", "", 1);
    holdings_put_in_force(&all, 1, NULL);
    want("stays", "", 2);
    want("comes", "", 2);
    assert_false(holdings_find(&all, SLICE("comes"), SLICE(""))->is_in_force);
    assert_true(holdings_find(&all, SLICE("stays"), SLICE(""))->is_in_force);
    want("loads", "", 3); /* by the time that 2 comes into force 3 loads already */
    holdings_put_in_force(&all, 2, NULL);
    assert_null(holdings_find(&all, SLICE("goes"), SLICE("")));
    assert_true(holdings_find(&all, SLICE("comes"), SLICE(""))->is_in_force);
    assert_false(holdings_find(&all, SLICE("loads"), SLICE(""))->is_in_force);
    assert_int_equal(all.count, 3);
}

TEST(a_set_is_no_news_while_one_of_it_may_be_older_than_what_is_presented)
{
    struct holding *one = want("a", "/1.pem", 1), *two = want("a", "/2.pem", 1),
                   *other = want("b", "", 1);
    one->is_changed = true;
    assert_false(holdings_set_is_news(&all, one)); /* not in force */
    holdings_put_in_force(&all, 1, NULL);
    assert_true(holdings_set_is_news(&all, one) && holdings_set_is_news(&all, two));
    assert_false(holdings_set_is_news(&all, other));
    two->files.is_unsure = true;
    assert_false(holdings_set_is_news(&all, one) || holdings_set_is_news(&all, two));
    two->files.is_unsure = false;
    one->is_changed = false;
    assert_false(holdings_set_is_news(&all, one) || holdings_set_is_news(&all, two));
}

TEST(one_that_is_being_asked_about_is_forgotten_later)
{
    want("a", "", 1)->staple.is_fetching = true;
    holdings_put_in_force(&all, 1, NULL);
    holdings_put_in_force(&all, 2, NULL);
    struct holding *h = holdings_find(&all, SLICE("a"), SLICE(""));
    assert_non_null(h);
    assert_false(h->is_in_force);
    h->staple.is_fetching = false;
    holdings_put_in_force(&all, 3, NULL);
    assert_int_equal(all.count, 0);
}

TEST(another_chain_takes_the_old_response_along)
{
    struct holding *h = want("a.example", "", 1);
    struct chain *c = NULL;
    struct certificate_record r;
    const char *why;
    h->staple.response = slice_of(strdup("old"), 3);
    h->staple.is_known = true;
    h->failures = 3;
    holding_fail(h, "it is %s", "late");
    assert_true(h->is_changed); /* it has none: who is refused is told why */
    holding_fill_record(h, &r);
    assert_slice_equal(r.error, SLICE("it is late"));
    assert_int_equal(r.chain_count, 0);
    assert_int_equal(chain_from_leaf(leaf, root, &c, &why), 0);
    holding_take_chain(h, &c);
    assert_null(c);
    holding_fill_record(h, &r);
    assert_int_equal(r.error.len, 0);
    assert_int_equal(r.ocsp.len, 0);
    assert_int_equal(r.chain_count, 2);
    assert_true(r.key_id == h->chain->key_id);
    assert_int_equal(h->failures, 0);
}

TEST(ten_thousand_holdings_are_found_without_a_search)
{
    char name[32];
    for (int i = 0; i < 10000; i++) {
        (void)snprintf(name, sizeof name, "site%d.example", i);
        want(name, "", 1);
    }
    uint32_t longest = 0;
    for (uint32_t i = 0; i < HOLDING_BUCKETS; i++) {
        uint32_t length = 0;
        for (struct holding *h = all.buckets[i]; h; h = h->next)
            length++;
        longest = length > longest ? length : longest;
    }
    assert_int_equal(all.count, 10000);
    assert_in_range(longest, 1, 16);
    holdings_put_in_force(&all, 2, NULL);
    assert_int_equal(all.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_chain_is_the_same_from_text_and_record, open_test,
                                        close_test),
        cmocka_unit_test_setup_teardown(a_chain_is_written_as_it_was_read, open_test, close_test),
        cmocka_unit_test_setup_teardown(texts_that_hold_no_chain_are_refused_with_the_reason,
                                        open_test, close_test),
        cmocka_unit_test_setup_teardown(a_holding_is_found_by_set_and_file, open_test, close_test),
        cmocka_unit_test_setup_teardown(what_no_configuration_wants_any_more_is_forgotten,
                                        open_test, close_test),
        cmocka_unit_test_setup_teardown(
            a_set_is_no_news_while_one_of_it_may_be_older_than_what_is_presented, open_test,
            close_test),
        cmocka_unit_test_setup_teardown(one_that_is_being_asked_about_is_forgotten_later, open_test,
                                        close_test),
        cmocka_unit_test_setup_teardown(another_chain_takes_the_old_response_along, open_test,
                                        close_test),
        cmocka_unit_test_setup_teardown(ten_thousand_holdings_are_found_without_a_search, open_test,
                                        close_test),
    };
    return cmocka_run_group_tests(tests, open_group, close_group);
}
