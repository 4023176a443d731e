/* X25519 under our property against the library's own. */
#include "net/tls_exchange.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>

#include "base/test.h"
#include "net/tls_own_test.h"

#define KEY_BYTES 32
#define ROUNDS    200

static EVP_PKEY_CTX *context_of(const char *query)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "X25519", query);
    assert_non_null(context);
    return context;
}

/* As libssl makes them: of a group that is named by a parameter. */
static EVP_PKEY *new_pair(const char *query)
{
    EVP_PKEY_CTX *context = context_of(query);
    EVP_PKEY *pair = NULL;
    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_group_name(context, "X25519"), 1);
    assert_int_equal(EVP_PKEY_generate(context, &pair), 1);
    EVP_PKEY_CTX_free(context);
    return pair;
}

/* What a peer's share is put into. */
static EVP_PKEY *share_of(const char *query, const uint8_t *public)
{
    EVP_PKEY_CTX *context = context_of(query);
    EVP_PKEY *share = NULL;
    assert_int_equal(EVP_PKEY_paramgen_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_group_name(context, "X25519"), 1);
    assert_int_equal(EVP_PKEY_generate(context, &share), 1);
    assert_int_equal(EVP_PKEY_set1_encoded_public_key(share, public, KEY_BYTES), 1);
    EVP_PKEY_CTX_free(context);
    return share;
}

static void half_of(const EVP_PKEY *pair, const char *name, uint8_t *to)
{
    size_t length;
    assert_int_equal(EVP_PKEY_get_octet_string_param(pair, name, to, KEY_BYTES, &length), 1);
    assert_int_equal(length, KEY_BYTES);
}

static const char *provider_of(const EVP_PKEY *pair)
{
    return OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(pair));
}

/* The secret to `to`; whether there is one. */
static bool derive(EVP_PKEY *pair, const char *query, const uint8_t *peers, uint8_t *to)
{
    size_t length = KEY_BYTES;
    EVP_PKEY *share = share_of(query, peers);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pair, query);
    assert_int_equal(EVP_PKEY_derive_init(context), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(context, share), 1);
    bool is_derived = EVP_PKEY_derive(context, to, &length) == 1;
    assert_true(!is_derived || length == KEY_BYTES);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(share);
    ERR_clear_error();
    return is_derived;
}

static void test_as_the_library(void **state)
{
    skip_without_own_algorithms();
    for (size_t i = 0; i < ROUNDS; i++) {
        uint8_t private[KEY_BYTES], public[KEY_BYTES], expected[KEY_BYTES];
        uint8_t peers[KEY_BYTES], secret[KEY_BYTES];
        EVP_PKEY *our = new_pair(tls_schedule_query()), *peer = new_pair(NULL);
        assert_string_equal(provider_of(our), "schedule");
        assert_string_equal(provider_of(peer), "default");
        half_of(our, OSSL_PKEY_PARAM_PRIV_KEY, private);
        half_of(our, OSSL_PKEY_PARAM_PUB_KEY, public);
        EVP_PKEY *same = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private, KEY_BYTES);
        half_of(same, OSSL_PKEY_PARAM_PUB_KEY, expected);
        assert_memory_equal(public, expected, KEY_BYTES);
        half_of(peer, OSSL_PKEY_PARAM_PUB_KEY, peers);
        assert_true(derive(our, tls_schedule_query(), peers, secret));
        assert_true(derive(peer, NULL, public, expected));
        assert_memory_equal(secret, expected, KEY_BYTES);
        EVP_PKEY_free(our);
        EVP_PKEY_free(peer);
        EVP_PKEY_free(same);
    }
}

static void test_a_key_is_new_clamped_and_of_128_bits(void **state)
{
    uint8_t before[KEY_BYTES] = { 0 }, private[KEY_BYTES];
    skip_without_own_algorithms();
    for (size_t i = 0; i < ROUNDS; i++) {
        EVP_PKEY *pair = new_pair(tls_schedule_query());
        half_of(pair, OSSL_PKEY_PARAM_PRIV_KEY, private);
        assert_memory_not_equal(private, before, KEY_BYTES);
        assert_int_equal(private[0] & 7, 0);
        assert_int_equal(private[31] & 0xc0, 0x40);
        assert_int_equal(EVP_PKEY_get_bits(pair), 253);
        assert_int_equal(EVP_PKEY_get_security_bits(pair), 128);
        assert_int_equal(EVP_PKEY_get_id(pair), EVP_PKEY_X25519);
        memcpy(before, private, KEY_BYTES);
        EVP_PKEY_free(pair);
    }
}

static void test_a_share_of_small_order_gives_no_secret(void **state)
{
    uint8_t share[KEY_BYTES] = { 0 }, secret[KEY_BYTES];
    skip_without_own_algorithms();
    EVP_PKEY *pair = new_pair(tls_schedule_query());
    for (share[0] = 0; share[0] < 2; share[0]++)
        assert_false(derive(pair, tls_schedule_query(), share, secret));
    EVP_PKEY_free(pair);
}

static void test_another_group_is_refused(void **state)
{
    skip_without_own_algorithms();
    EVP_PKEY_CTX *context = context_of(tls_schedule_query());
    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_true(EVP_PKEY_CTX_set_group_name(context, "X448") <= 0);
    assert_true(EVP_PKEY_CTX_set_group_name(context, "") <= 0);
    assert_int_equal(EVP_PKEY_CTX_set_group_name(context, "x25519"), 1);
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
}

/* Its contexts know the same groups, each once, with and without the query. */
static void test_a_context_has_the_groups_of_the_library(void **state)
{
    skip_without_own_algorithms();
    const char *queries[] = { tls_schedule_query(), NULL };
    for (size_t i = 0; i < ARRAY_LENGTH(queries); i++) {
        SSL_CTX *context = SSL_CTX_new_ex(NULL, queries[i], TLS_server_method());
        assert_non_null(context);
        assert_int_equal(SSL_CTX_set1_groups_list(context, "X25519:P-256:X448:ffdhe2048"), 1);
        assert_int_not_equal(SSL_CTX_set1_groups_list(context, "X25519:X25519"), 1);
        SSL_CTX_free(context);
    }
    ERR_clear_error();
}

/* Who demands certified algorithms, or asks for others, gets those. */
static void test_only_the_query_finds_ours(void **state)
{
    static const char *const others[] = { NULL, "", "provider=default" };
    skip_without_own_algorithms();
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        EVP_PKEY *pair = new_pair(others[i]);
        assert_string_equal(provider_of(pair), "default");
        EVP_PKEY_free(pair);
    }
    EVP_KEYEXCH *x448 = EVP_KEYEXCH_fetch(NULL, "X448", tls_schedule_query());
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KEYEXCH_get0_provider(x448)), "default");
    EVP_KEYEXCH_free(x448);
    EVP_KEYEXCH *own = EVP_KEYEXCH_fetch(NULL, "X25519", NULL);
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KEYEXCH_get0_provider(own)), "default");
    EVP_KEYEXCH_free(own);
    assert_null(EVP_PKEY_CTX_new_from_name(NULL, "X25519", "fips=yes"));
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_library),
        cmocka_unit_test(test_a_key_is_new_clamped_and_of_128_bits),
        cmocka_unit_test(test_a_share_of_small_order_gives_no_secret),
        cmocka_unit_test(test_another_group_is_refused),
        cmocka_unit_test(test_a_context_has_the_groups_of_the_library),
        cmocka_unit_test(test_only_the_query_finds_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
