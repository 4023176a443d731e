/* Our key schedule of TLS 1.3 against RFC 8448 and against the library's own. */
#include "net/tls_schedule.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>

#include "base/random.h"
#include "base/test.h"
#include "net/tls_own_test.h"

#define TEXT_BYTES_MAX 1100u
#define OUT_BYTES_MAX  12240u /* 255 of the longer hash */

/* A question to TLS13-KDF. Negative lengths: not given. */
struct question {
    const char *digest;
    int mode;
    const char *mode_name; /* instead of it */
    ssize_t key, salt, prefix, label, data;
    size_t out;
};

static uint8_t texts[5][TEXT_BYTES_MAX];

static void add(OSSL_PARAM **p, const char *name, uint8_t *text, ssize_t length)
{
    if (length >= 0)
        *(*p)++ = OSSL_PARAM_construct_octet_string(name, text, (size_t)length);
}

static int ask(const char *query, const struct question *q, uint8_t *ret)
{
    OSSL_PARAM params[8], *p = params;
    int mode = q->mode;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, query);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    assert_non_null(context);
    *p++ = q->mode_name ? OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE,
                                                           (char *)(uintptr_t)q->mode_name, 0)
                        : OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    if (q->digest)
        *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)q->digest,
                                                0);
    add(&p, OSSL_KDF_PARAM_KEY, texts[0], q->key);
    add(&p, OSSL_KDF_PARAM_SALT, texts[1], q->salt);
    add(&p, OSSL_KDF_PARAM_PREFIX, texts[2], q->prefix);
    add(&p, OSSL_KDF_PARAM_LABEL, texts[3], q->label);
    add(&p, OSSL_KDF_PARAM_DATA, texts[4], q->data);
    *p = OSSL_PARAM_construct_end();
    int result = EVP_KDF_derive(context, ret, q->out, params);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return result;
}

static int ask_ours(const struct question *q, uint8_t *ret)
{
    skip_without_own_algorithms();
    return ask(tls_schedule_query(), q, ret);
}

static void assert_same(const struct question *q)
{
    static uint8_t ours[OUT_BYTES_MAX], theirs[OUT_BYTES_MAX];
    assert_int_equal(ask("provider=default", q, theirs), 1);
    assert_int_equal(ask_ours(q, ours), 1);
    assert_memory_equal(ours, theirs, q->out);
}

/* Which of the two answers. */
static void test_only_the_query_finds_ours(void **state)
{
    skip_without_own_algorithms();
    const char *queries[] = { NULL, "", tls_schedule_query(), "fips=yes" };
    const char *providers[] = { "default", "default", "schedule", NULL };
    for (size_t i = 0; i < 4; i++) {
        EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, queries[i]);
        if (!providers[i]) {
            assert_null(kdf);
            continue;
        }
        assert_non_null(kdf);
        assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)), providers[i]);
        EVP_KDF_free(kdf);
    }
    ERR_clear_error();
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA512", tls_schedule_query()); /* everything else: as ever */
    assert_non_null(md);
    EVP_MD_free(md);
}

/* RFC 8448 §3: the early secret without a shared key, and what is derived from it. */
static void test_rfc_8448(void **state)
{
    static const uint8_t early[] = { 0x33, 0xad, 0x0a, 0x1c, 0x60, 0x7e, 0xc0, 0x3b,
                                     0x09, 0xe6, 0xcd, 0x98, 0x93, 0x68, 0x0c, 0xe2,
                                     0x10, 0xad, 0xf3, 0x00, 0xaa, 0x1f, 0x26, 0x60,
                                     0xe1, 0xb2, 0x2e, 0x10, 0xf1, 0x70, 0xf9, 0x2a };
    static const uint8_t derived[] = { 0x6f, 0x26, 0x15, 0xa1, 0x08, 0xc7, 0x02, 0xc5,
                                       0x67, 0x8f, 0x54, 0xfc, 0x9d, 0xba, 0xb6, 0x97,
                                       0x16, 0xc0, 0x76, 0x18, 0x9c, 0x48, 0x25, 0x0c,
                                       0xeb, 0xea, 0xc3, 0x57, 0x6c, 0x36, 0x11, 0xba };
    static const uint8_t of_nothing[] = { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                          0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                          0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                          0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 };
    uint8_t out[32];
    memcpy(texts[2], "tls13 ", 6);
    memcpy(texts[3], "derived", 7);
    memcpy(texts[4], of_nothing, sizeof of_nothing);
    struct question q = { .digest = "SHA2-256",
                          .mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY,
                          .key = -1,
                          .salt = -1,
                          .prefix = 6,
                          .label = 7,
                          .data = -1,
                          .out = sizeof out };
    assert_int_equal(ask_ours(&q, out), 1);
    assert_memory_equal(out, early, sizeof early);
    memcpy(texts[0], early, sizeof early);
    q.mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    q.key = q.data = 32;
    assert_int_equal(ask_ours(&q, out), 1);
    assert_memory_equal(out, derived, sizeof derived);
}

static ssize_t up_to(size_t most)
{
    return (ssize_t)(random_number() % (most + 1));
}

static void test_as_the_library(void **state)
{
    static const char *const digests[] = { "SHA256", "SHA2-256", "SHA384", "SHA2-384" };
    random_seed(20261126);
    for (int i = 0; i < 4000; i++) {
        random_bytes(texts, sizeof texts);
        bool is_long = i % 4 >= 2, extracts = i & 4;
        size_t bytes = is_long ? 48 : 32, block = is_long ? 128 : 64;
        struct question q = { .digest = digests[i % 4],
                              .prefix = 6,
                              .label = up_to(249),
                              .data = i % 3 == 0 ? -1 : up_to(255) };
        if (extracts) {
            q.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
            q.key = i % 5 == 0 ? -1 : 1 + up_to(TEXT_BYTES_MAX - 1);
            q.salt = i % 7 == 0 ? -1 : 1 + up_to(block - 1);
            q.out = bytes;
        } else {
            q.mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
            q.mode_name = i % 11 == 0 ? "EXPAND_ONLY" : NULL;
            q.key = 1 + up_to(block - 1);
            q.salt = -1;
            q.out = 1 + (size_t)up_to(i % 13 == 0 ? 255 * bytes - 1 : 2 * bytes);
        }
        assert_same(&q);
    }
    random_seed(0);
}

/* What is not the schedule's is refused, never answered wrongly. */
static void test_refused(void **state)
{
    static uint8_t out[OUT_BYTES_MAX + 1];
    static const struct question good = { .digest = "SHA256",
                                          .mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY,
                                          .key = 32,
                                          .salt = -1,
                                          .prefix = 6,
                                          .label = 3,
                                          .data = 32,
                                          .out = 32 };
    struct question q = good;
    assert_int_equal(ask_ours(&q, out), 1);
    q.digest = NULL;
    assert_int_not_equal(ask_ours(&q, out), 1);
    q.digest = "SHA512";
    assert_int_not_equal(ask_ours(&q, out), 1);
    q = good, q.key = -1;
    assert_int_not_equal(ask_ours(&q, out), 1);
    q = good, q.key = 65;
    assert_int_not_equal(ask_ours(&q, out), 1);
    q = good, q.label = 250;
    assert_int_not_equal(ask_ours(&q, out), 1);
    q = good, q.data = 256;
    assert_int_not_equal(ask_ours(&q, out), 1);
    q = good, q.out = 0;
    assert_int_not_equal(ask_ours(&q, out), 1);
    q = good, q.out = 255 * 32 + 1;
    assert_int_not_equal(ask_ours(&q, out), 1);
    q = good, q.mode = EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND;
    assert_int_not_equal(ask_ours(&q, out), 1);
    q = good, q.mode_name = "EXTRACT_AND_EXPAND";
    assert_int_not_equal(ask_ours(&q, out), 1);
    q = good, q.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY, q.out = 31;
    assert_int_not_equal(ask_ours(&q, out), 1);
    q.out = 32, q.salt = 65;
    assert_int_not_equal(ask_ours(&q, out), 1);
    q.salt = 32;
    assert_int_equal(ask_ours(&q, out), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_query_finds_ours),
        cmocka_unit_test(test_rfc_8448),
        cmocka_unit_test(test_as_the_library),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
