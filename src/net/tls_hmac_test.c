/* Our HMAC against the library's own. */
#include "net/tls_hmac.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/random.h"
#include "base/test.h"
#include "net/tls_own_test.h"

#define TEXT_BYTES_MAX 1000u
#define KEY_BYTES_MAX  300u

static uint8_t text[TEXT_BYTES_MAX], key[KEY_BYTES_MAX];

static EVP_MAC_CTX *context_of(const char *query)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, query);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    assert_non_null(context);
    return context;
}

static OSSL_PARAM digest_param(const char *digest)
{
    return OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest, 0);
}

static void test_only_the_query_finds_ours(void **state)
{
    skip_without_own_algorithms();
    const char *queries[] = { NULL, "", tls_schedule_query() };
    const char *providers[] = { "default", "default", "schedule" };
    for (size_t i = 0; i < 3; i++) {
        EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, queries[i]);
        assert_non_null(mac);
        assert_string_equal(OSSL_PROVIDER_get0_name(EVP_MAC_get0_provider(mac)), providers[i]);
        EVP_MAC_free(mac);
    }
}

/* RFC 4231 §4.3 and §4.7: a short key; one that is longer than a block. */
static void test_rfc_4231(void **state)
{
    static const uint8_t second[] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e,
                                      0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
                                      0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83,
                                      0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43 };
    static const uint8_t sixth[] = { 0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f,
                                     0x0d, 0x8a, 0x26, 0xaa, 0xcb, 0xf5, 0xb7, 0x7f,
                                     0x8e, 0x0b, 0xc6, 0x21, 0x37, 0x28, 0xc5, 0x14,
                                     0x05, 0x46, 0x04, 0x0f, 0x0e, 0xe3, 0x7f, 0x54 };
    static const char ask[] = "what do ya want for nothing?";
    static const char long_text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    uint8_t long_key[131], out[32];
    size_t length = 0;
    skip_without_own_algorithms();
    memset(long_key, 0xaa, sizeof long_key);
    assert_non_null(EVP_Q_mac(NULL, "HMAC", tls_schedule_query(), "SHA2-256", NULL, "Jefe", 4,
                              (const uint8_t *)ask, sizeof ask - 1, out, sizeof out, &length));
    assert_int_equal(length, sizeof out);
    assert_memory_equal(out, second, sizeof out);
    assert_non_null(EVP_Q_mac(NULL, "HMAC", tls_schedule_query(), "SHA256", NULL, long_key,
                              sizeof long_key, (const uint8_t *)long_text, sizeof long_text - 1,
                              out, sizeof out, &length));
    assert_memory_equal(out, sixth, sizeof out);
}

/* The same calls of both: a key by one way or the other, pieces, a copy in between, once more with
 * the same key. */
struct course {
    const char *digest;
    size_t key, first, second;
    bool key_as_param, is_copied;
};

static void run(const char *query, const struct course *c, uint8_t ret[2][EVP_MAX_MD_SIZE],
                size_t ret_length[2])
{
    EVP_MAC_CTX *context = context_of(query);
    OSSL_PARAM params[3] = { digest_param(c->digest), OSSL_PARAM_construct_end(),
                             OSSL_PARAM_construct_end() };
    if (c->key_as_param) {
        params[1] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, c->key);
        assert_int_equal(EVP_MAC_CTX_set_params(context, params), 1);
    } else {
        assert_int_equal(EVP_MAC_init(context, key, c->key, params), 1);
    }
    for (int again = 0; again < 2; again++) {
        if (again)
            assert_int_equal(EVP_MAC_init(context, NULL, 0, NULL), 1);
        assert_int_equal(EVP_MAC_update(context, text, c->first), 1);
        if (c->is_copied) {
            EVP_MAC_CTX *copy = EVP_MAC_CTX_dup(context);
            assert_non_null(copy);
            EVP_MAC_CTX_free(context);
            context = copy;
        }
        assert_int_equal(EVP_MAC_update(context, text + c->first, c->second), 1);
        assert_int_equal(EVP_MAC_final(context, ret[again], &ret_length[again], EVP_MAX_MD_SIZE),
                         1);
    }
    assert_int_equal(EVP_MAC_CTX_get_mac_size(context), ret_length[0]);
    EVP_MAC_CTX_free(context);
}

static void test_as_the_library(void **state)
{
    static const char *const digests[] = { "SHA256", "SHA2-256", "SHA384", "SHA2-384" };
    skip_without_own_algorithms();
    random_seed(20261127);
    for (int i = 0; i < 4000; i++) {
        uint8_t ours[2][EVP_MAX_MD_SIZE], theirs[2][EVP_MAX_MD_SIZE];
        size_t our_length[2], their_length[2];
        struct course c = { .digest = digests[i % 4],
                            .key = 1 + random_number() % KEY_BYTES_MAX,
                            .first = random_number() % (TEXT_BYTES_MAX / 2),
                            .second = random_number() % (TEXT_BYTES_MAX / 2),
                            .key_as_param = i & 4,
                            .is_copied = i & 8 };
        random_bytes(text, sizeof text);
        random_bytes(key, sizeof key);
        run(tls_schedule_query(), &c, ours, our_length);
        run("provider=default", &c, theirs, their_length);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(our_length[again], their_length[again]);
            assert_memory_equal(ours[again], theirs[again], our_length[again]);
        }
        assert_memory_equal(ours[0], ours[1], our_length[0]);
    }
    random_seed(0);
}

/* What it does not do is refused, never answered wrongly. */
static void test_refused(void **state)
{
    uint8_t out[EVP_MAX_MD_SIZE];
    size_t length, records = 100;
    skip_without_own_algorithms();
    EVP_MAC_CTX *context = context_of(tls_schedule_query());
    OSSL_PARAM another[] = { digest_param("SHA512"), OSSL_PARAM_construct_end() };
    OSSL_PARAM good[] = { digest_param("SHA256"), OSSL_PARAM_construct_end() };
    OSSL_PARAM cbc[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_TLS_DATA_SIZE, &records),
                         OSSL_PARAM_construct_end() };
    assert_int_equal(EVP_MAC_init(context, key, 32, NULL), 0); /* no hash */
    assert_int_equal(EVP_MAC_CTX_set_params(context, another), 0);
    assert_int_equal(EVP_MAC_init(context, key, 32, NULL), 0);
    assert_int_equal(EVP_MAC_CTX_set_params(context, good), 1);
    assert_int_equal(EVP_MAC_update(context, text, 10), 0); /* no key */
    assert_int_equal(EVP_MAC_final(context, out, &length, sizeof out), 0);
    assert_int_equal(EVP_MAC_init(context, key, 32, NULL), 1);
    assert_int_equal(EVP_MAC_CTX_set_params(context, cbc), 0);
    assert_int_equal(EVP_MAC_update(context, text, 10), 1);
    assert_int_equal(EVP_MAC_final(context, out, &length, 31), 0); /* no room */
    assert_int_equal(EVP_MAC_final(context, out, &length, sizeof out), 1);
    assert_int_equal(EVP_MAC_CTX_set_params(context, good), 1); /* another hash: the key is gone */
    assert_int_equal(EVP_MAC_update(context, text, 10), 0);
    EVP_MAC_CTX_free(context);
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_query_finds_ours),
        cmocka_unit_test(test_rfc_4231),
        cmocka_unit_test(test_as_the_library),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
