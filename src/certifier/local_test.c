#include "certifier/local.h"

#include "certifier/authority.h"
#include "certifier/testing_world.h"

#define DAY_S 86400ll

static struct holdings all;
static struct local_authority authority;

static int open_test(void **state)
{
    TRY(testing_world_open(state));
    return holdings_open(&all);
}

static int close_test(void **state)
{
    local_authority_close(&authority);
    holdings_close(&all);
    return testing_world_close(state);
}

static struct holding *want(const slice *names, uint32_t count)
{
    struct holding *h;
    struct certificate_record r = { .set = names[0],
                                    .source = CERTIFICATE_FROM_LOCAL,
                                    .name_count = count };
    memcpy(r.names, names, count * sizeof *names);
    assert_int_equal(holdings_want(&all, &r, 1, &h), 0);
    return h;
}

static int ensure(struct holding *h)
{
    return local_ensure(&testing.world, &authority, h);
}

/* Another life of the certifier, with the same store and keys. */
static void begin_anew(void)
{
    local_authority_close(&authority);
    holdings_close(&all);
    assert_int_equal(holdings_open(&all), 0);
}

TEST(a_certificate_is_issued_once_and_kept_over_lives)
{
    const slice names[] = { SLICE("shop.test"), SLICE("*.shop.test") };
    char hash[sizeof((struct chain *)0)->hash];
    struct holding *h = want(names, 2);
    assert_int_equal(ensure(h), 1);
    assert_true(h->is_changed);
    assert_true(h->renew_s == TESTING_NOW_S + (AUTHORITY_LEAF_DAYS - LOCAL_RENEW_DAYS) * DAY_S);
    memcpy(hash, h->chain->hash, sizeof hash);
    assert_string_equal(h->made_key, "/keys/shop.test.local.pem");
    assert_int_equal(ensure(h), 0);
    begin_anew();
    h = want(names, 2);
    assert_int_equal(ensure(h), 1);
    assert_string_equal(h->chain->hash, hash);
}

TEST(it_is_renewed_before_its_end_under_the_same_root)
{
    const slice name = SLICE("a.test");
    struct holding *h = want(&name, 1);
    assert_int_equal(ensure(h), 1);
    testing.now_s = h->renew_s - 1;
    assert_int_equal(ensure(h), 0);
    testing.now_s = h->renew_s;
    assert_int_equal(ensure(h), 1);
    assert_true(h->chain->not_after_s == testing.now_s + AUTHORITY_LEAF_DAYS * DAY_S);
    X509 *leaf = chain_parse(h->chain, 0);
    assert_true(authority_issued(authority.root, leaf));
    X509_free(leaf);
}

TEST(another_list_of_names_is_another_certificate)
{
    const slice names[] = { SLICE("a.test"), SLICE("b.test") };
    struct holding *h = want(names, 1);
    assert_int_equal(ensure(h), 1);
    h = want(names, 2);
    assert_int_equal(ensure(h), 1);
    X509 *leaf = chain_parse(h->chain, 0);
    assert_true(authority_covers(leaf, names, 2));
    X509_free(leaf);
}

TEST(a_clock_that_was_wrong_is_made_good)
{
    const slice name = SLICE("a.test");
    struct holding *h = want(&name, 1);
    testing.now_s = TESTING_NOW_S + 400 * DAY_S;
    assert_int_equal(ensure(h), 1);
    testing.now_s = TESTING_NOW_S;
    assert_int_equal(ensure(h), 1);
    assert_true(h->chain->not_before_s <= TESTING_NOW_S);
}

TEST(a_root_whose_key_is_gone_is_made_anew)
{
    const slice name = SLICE("a.test");
    struct holding *h = want(&name, 1);
    assert_int_equal(ensure(h), 1);
    X509 *before = X509_dup(authority.root);
    for (int i = 0; i < testing.key_count; i++) {
        EVP_PKEY_free(testing.keys[i].key);
        testing.keys[i].key = EVP_EC_gen("P-256");
    }
    begin_anew();
    h = want(&name, 1);
    assert_int_equal(ensure(h), 1);
    assert_int_not_equal(X509_cmp(before, authority.root), 0);
    X509_free(before);
}

TEST(nonsense_in_the_store_is_replaced)
{
    const slice name = SLICE("a.test");
    assert_int_equal(
        certificate_store_put(&testing.world.store, LOCAL_ROOT_FILE, SLICE("nonsense")), 0);
    assert_int_equal(
        certificate_store_put(&testing.world.store, "a.test.local.pem", SLICE("nonsense")), 0);
    struct holding *h = want(&name, 1);
    assert_int_equal(ensure(h), 1);
    char *pem;
    size_t count;
    assert_int_equal(certificate_store_get(&testing.world.store, LOCAL_ROOT_FILE, &pem, &count), 0);
    assert_true(slice_find(slice_of(pem, count), SLICE("BEGIN CERTIFICATE")) < count);
    free(pem);
}

TEST(without_a_key_it_is_said_and_tried_again)
{
    const slice name = SLICE("a.test");
    const int errors[] = { -EPIPE, -ENOENT, -EINVAL }; /* also those that a store's files have */
    struct holding *h = want(&name, 1);
    for (size_t i = 0; i < 3; i++) {
        testing.key_error = errors[i];
        assert_true(ensure(h) < 0);
        assert_string_equal(h->error,
                            "no certificate of the local CA for a.test: the keyholder says no");
        assert_true(h->renew_s > TESTING_NOW_S && h->renew_s <= TESTING_NOW_S + 60);
    }
    testing.key_error = 0;
    assert_int_equal(ensure(h), 1);
    assert_string_equal(h->error, "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_test, close_test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_certificate_is_issued_once_and_kept_over_lives),
        CASE(it_is_renewed_before_its_end_under_the_same_root),
        CASE(another_list_of_names_is_another_certificate),
        CASE(a_clock_that_was_wrong_is_made_good),
        CASE(a_root_whose_key_is_gone_is_made_anew),
        CASE(nonsense_in_the_store_is_replaced),
        CASE(without_a_key_it_is_said_and_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
