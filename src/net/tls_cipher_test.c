/* AES-GCM under our property against the library's own. */
#include "net/tls_cipher.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/provider.h>

#include "base/random.h"
#include "base/test.h"
#include "net/tls_own_test.h"

#define IV_BYTES       12
#define TAG_BYTES      16
#define TEXT_BYTES_MAX 2000

static const char *const names[] = { "AES-128-GCM", "AES-256-GCM", "id-aes256-GCM" };

static uint8_t key[32], iv[IV_BYTES], head[13], text[TEXT_BYTES_MAX];

static EVP_CIPHER *fetch(const char *name, const char *query, const char *provider)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, query);
    assert_non_null(cipher);
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(cipher)), provider);
    return cipher;
}

/* The text, and behind it the tag. */
static void seal(const EVP_CIPHER *cipher, size_t length, uint8_t *to)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done;
    assert_int_equal(EVP_CipherInit_ex(context, cipher, NULL, NULL, NULL, 1), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, IV_BYTES, NULL), 1);
    assert_int_equal(EVP_CipherInit_ex(context, NULL, NULL, key, iv, 1), 1);
    assert_int_equal(EVP_CIPHER_CTX_get_iv_length(context), IV_BYTES);
    assert_int_equal(EVP_CIPHER_CTX_get_tag_length(context), TAG_BYTES);
    assert_int_equal(EVP_CipherUpdate(context, NULL, &done, head, sizeof head), 1);
    assert_int_equal(EVP_CipherUpdate(context, to, &done, text, (int)length), 1);
    assert_int_equal(done, length);
    assert_int_equal(EVP_CipherFinal_ex(context, to + length, &done), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, to + length),
                     1);
    EVP_CIPHER_CTX_free(context);
}

/* Whether it is what was sealed. */
static bool opens(const EVP_CIPHER *cipher, uint8_t *sealed, size_t length)
{
    static uint8_t out[TEXT_BYTES_MAX];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done;
    assert_int_equal(EVP_CipherInit_ex(context, cipher, NULL, key, iv, 0), 1);
    assert_int_equal(
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, sealed + length), 1);
    assert_int_equal(EVP_CipherUpdate(context, NULL, &done, head, sizeof head), 1);
    assert_int_equal(EVP_CipherUpdate(context, out, &done, sealed, (int)length), 1);
    bool is_good = EVP_CipherFinal_ex(context, out + length, &done) == 1;
    EVP_CIPHER_CTX_free(context);
    if (is_good)
        assert_memory_equal(out, text, length);
    ERR_clear_error();
    return is_good;
}

static void test_as_the_library(void **state)
{
    static uint8_t ours[TEXT_BYTES_MAX + TAG_BYTES], theirs[TEXT_BYTES_MAX + TAG_BYTES];
    skip_without_own_algorithms();
    random_seed(20261127);
    for (size_t i = 0; i < 300; i++) {
        const char *name = names[i % ARRAY_LENGTH(names)];
        EVP_CIPHER *our = fetch(name, tls_schedule_query(), "schedule");
        EVP_CIPHER *own = fetch(name, NULL, "default");
        size_t length = 1 + random_number() % (TEXT_BYTES_MAX - 1);
        random_bytes(key, sizeof key);
        random_bytes(iv, sizeof iv);
        random_bytes(head, sizeof head);
        random_bytes(text, length);
        seal(our, length, ours);
        seal(own, length, theirs);
        assert_memory_equal(ours, theirs, length + TAG_BYTES);
        assert_int_equal(EVP_CIPHER_get_nid(our), EVP_CIPHER_get_nid(own));
        assert_int_equal(EVP_CIPHER_get_flags(our), EVP_CIPHER_get_flags(own));
        assert_true(opens(our, ours, length));
        ours[random_number() % (length + TAG_BYTES)] ^= 1;
        assert_false(opens(our, ours, length));
        EVP_CIPHER_free(our);
        EVP_CIPHER_free(own);
    }
    random_seed(0);
}

/* It always says 12 and therefore takes nothing else. */
static void test_iv_of_another_length_is_refused(void **state)
{
    skip_without_own_algorithms();
    EVP_CIPHER *cipher = fetch(names[0], tls_schedule_query(), "schedule");
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_CipherInit_ex(context, cipher, NULL, NULL, NULL, 1), 1);
    for (int length = 1; length <= 16; length++) {
        int result = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, length, NULL);
        assert_true(length == IV_BYTES ? result == 1 : result <= 0);
        assert_int_equal(EVP_CIPHER_CTX_get_iv_length(context), IV_BYTES);
    }
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    ERR_clear_error();
}

/* Who demands certified algorithms, or asks for others, gets those. */
static void test_only_the_query_finds_ours(void **state)
{
    skip_without_own_algorithms();
    EVP_CIPHER_free(fetch(names[0], NULL, "default"));
    EVP_CIPHER_free(fetch(names[0], "", "default"));
    EVP_CIPHER_free(fetch("ChaCha20-Poly1305", tls_schedule_query(), "default"));
    EVP_CIPHER_free(fetch("AES-128-CBC", tls_schedule_query(), "default"));
    assert_null(EVP_CIPHER_fetch(NULL, names[0], "fips=yes"));
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_library),
        cmocka_unit_test(test_iv_of_another_length_is_refused),
        cmocka_unit_test(test_only_the_query_finds_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
