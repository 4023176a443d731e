/* Keys whose private half is in another process, as OpenSSL uses them: in handshakes of TLS, and
 * for certificates and their requests. */
#include <errno.h>

#include "control/key_test.h"

static const char *const kinds[] = { "P-256", "P-384", "RSA:2048", "RSA:3072", "ED25519" };

static struct keyholder holder;

static int channel = -1; /* as a worker has it */

/* A new one, in the place of what there was. */
static void sign_as_worker(void)
{
    if (channel >= 0)
        close(channel);
    channel = key_call_open(holder.channel, KEY_MAY_SIGN);
    assert_true(channel >= 0);
    key_call_sign_on(channel);
    remote_key_sign_by(key_call_sign);
}

/* --- Handshakes --------------------------------------------------------------------------------
 */

struct hands {
    EVP_PKEY *key, *twin;
    X509 *certificate;
};

static struct hands new_hands(const char *kind)
{
    struct hands h = { .key = new_key(kind) };
    h.twin = remote_twin(holder.channel, h.key);
    h.certificate =
        new_certificate(h.key, h.key, strcmp(kind, "ED25519") == 0 ? NULL : EVP_sha256());
    return h;
}

static void free_hands(struct hands *h)
{
    EVP_PKEY_free(h->key);
    EVP_PKEY_free(h->twin);
    X509_free(h->certificate);
}

static SSL_CTX *context_with(const SSL_METHOD *method, int version, const struct hands *h)
{
    SSL_CTX *context = SSL_CTX_new(method);
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    if (h) {
        assert_int_equal(SSL_CTX_use_certificate(context, h->certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(context, h->twin), 1);
        assert_int_equal(SSL_CTX_check_private_key(context), 1);
    }
    return context;
}

static void handshake(const char *kind, int version, bool with_client)
{
    struct hands server = new_hands(kind), client = { 0 };
    SSL_CTX *server_context = context_with(TLS_server_method(), version, &server);
    if (with_client)
        client = new_hands(kind);
    SSL_CTX *client_context =
        context_with(TLS_client_method(), version, with_client ? &client : NULL);
    if (with_client) { /* any certificate will do: it is the signature that is looked at */
        X509_STORE_add_cert(SSL_CTX_get_cert_store(server_context), client.certificate);
        SSL_CTX_set_verify(server_context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    struct ends e = connect_ends(server_context, client_context);
    if (!shake(&e))
        fail_msg("%s, version %x%s: %s", kind, version, with_client ? ", both sign" : "",
                 ERR_reason_error_string(ERR_peek_error()));
    assert_int_equal(SSL_version(e.client), version);
    free_ends(&e);
    SSL_CTX_free(server_context);
    SSL_CTX_free(client_context);
    free_hands(&server);
    free_hands(&client);
}

TEST(handshakes_of_both_versions_are_signed_with_every_kind_of_key)
{
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        handshake(kinds[i], TLS1_2_VERSION, false);
        handshake(kinds[i], TLS1_3_VERSION, false);
    }
}

TEST(clients_sign_with_every_kind_of_key)
{
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        handshake(kinds[i], TLS1_2_VERSION, true);
        handshake(kinds[i], TLS1_3_VERSION, true);
    }
}

/* What the client offers decides how an RSA key signs. */
TEST(every_scheme_of_tls_can_be_asked_for)
{
    static const struct {
        const char *kind, *scheme;
        int version;
    } cases[] = {
        { "RSA:2048", "RSA+SHA256", TLS1_2_VERSION },
        { "RSA:2048", "RSA+SHA384", TLS1_2_VERSION },
        { "RSA:2048", "RSA+SHA512", TLS1_2_VERSION },
        { "RSA:2048", "rsa_pss_rsae_sha256", TLS1_2_VERSION },
        { "RSA:2048", "rsa_pss_rsae_sha256", TLS1_3_VERSION },
        { "RSA:2048", "rsa_pss_rsae_sha384", TLS1_3_VERSION },
        { "RSA:2048", "rsa_pss_rsae_sha512", TLS1_3_VERSION },
        { "P-256", "ECDSA+SHA256", TLS1_3_VERSION },
        { "P-384", "ECDSA+SHA384", TLS1_3_VERSION },
        { "P-256", "ECDSA+SHA384", TLS1_2_VERSION },
        { "P-256", "ECDSA+SHA512", TLS1_2_VERSION },
        { "ED25519", "ed25519", TLS1_3_VERSION },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct hands h = new_hands(cases[i].kind);
        SSL_CTX *server = context_with(TLS_server_method(), cases[i].version, &h);
        SSL_CTX *client = context_with(TLS_client_method(), cases[i].version, NULL);
        assert_int_equal(SSL_CTX_set1_sigalgs_list(client, cases[i].scheme), 1);
        struct ends e = connect_ends(server, client);
        if (!shake(&e))
            fail_msg("%s: %s", cases[i].scheme, ERR_reason_error_string(ERR_peek_error()));
        free_ends(&e);
        SSL_CTX_free(server);
        SSL_CTX_free(client);
        free_hands(&h);
    }
}

/* --- Keys as such ------------------------------------------------------------------------------
 */

TEST(a_remote_key_equals_its_public_half_and_no_other)
{
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        struct hands h = new_hands(kinds[i]);
        EVP_PKEY *other = new_key(kinds[i]);
        struct spki memory;
        slice spki = spki_of(h.twin, &memory);
        EVP_PKEY *again = remote_key_make(key_id_of(spki), spki);
        assert_int_equal(EVP_PKEY_eq(h.key, h.twin), 1);
        assert_int_equal(EVP_PKEY_eq(h.twin, h.key), 1);
        assert_int_equal(EVP_PKEY_eq(again, h.twin), 1);
        assert_int_not_equal(EVP_PKEY_eq(other, h.twin), 1);
        assert_int_not_equal(EVP_PKEY_eq(h.twin, other), 1);
        assert_int_equal(EVP_PKEY_get_bits(h.twin), EVP_PKEY_get_bits(h.key));
        assert_int_equal(EVP_PKEY_get_size(h.twin), EVP_PKEY_get_size(h.key));
        assert_int_equal(EVP_PKEY_get_security_bits(h.twin), EVP_PKEY_get_security_bits(h.key));
        assert_int_equal(X509_check_private_key(h.certificate, h.twin), 1);
        EVP_PKEY_free(other);
        EVP_PKEY_free(again);
        free_hands(&h);
    }
}

/* As each handshake does: what is remembered of it changes no answer, and keeps nothing. */
TEST(a_certificate_is_compared_with_its_key_again_and_again)
{
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        struct hands h = new_hands(kinds[i]), other = new_hands(kinds[i]);
        struct spki memory;
        uint64_t id = key_id_of(spki_of(h.twin, &memory));
        EVP_PKEY *key = remote_key_around(id, X509_get0_pubkey(h.certificate));
        assert_non_null(key);
        for (int times = 0; times < 3; times++) {
            assert_int_equal(X509_check_private_key(h.certificate, key), 1);
            assert_int_equal(X509_check_private_key(h.certificate, h.twin), 1);
            assert_int_not_equal(X509_check_private_key(other.certificate, key), 1);
            assert_int_not_equal(X509_check_private_key(h.certificate, other.twin), 1);
        }
        EVP_PKEY_free(key);
        free_hands(&h);
        free_hands(&other);
    }
}

/* As the library makes them when it compares. */
TEST(a_key_without_an_id_can_be_compared_and_signs_nothing)
{
    struct hands h = new_hands("P-256");
    OSSL_PARAM *numbers = NULL;
    EVP_PKEY *nameless = NULL;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, h.twin, NULL);
    assert_int_equal(EVP_PKEY_todata(h.key, EVP_PKEY_PUBLIC_KEY, &numbers), 1);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &nameless, EVP_PKEY_PUBLIC_KEY, numbers), 1);
    assert_int_equal(EVP_PKEY_eq(nameless, h.twin), 1);
    assert_int_equal(EVP_PKEY_eq(h.key, nameless), 1);
    assert_int_not_equal(EVP_DigestSignInit_ex(digest, NULL, "SHA256", NULL, NULL, nameless, NULL),
                         1);
    assert_int_equal(EVP_MD_CTX_reset(digest), 1);
    assert_int_equal(EVP_DigestSignInit_ex(digest, NULL, "SHA256", NULL, NULL, h.twin, NULL), 1);
    EVP_MD_CTX_free(digest);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(nameless);
    OSSL_PARAM_free(numbers);
    free_hands(&h);
    ERR_clear_error();
}

TEST(a_remote_key_has_no_private_half_to_give)
{
    static const char *const parts[] = { "priv", "d", "rsa-factor1", "rsa-factor2" };
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        struct hands h = new_hands(kinds[i]);
        OSSL_PARAM *params = NULL;
        BIO *bio = BIO_new(BIO_s_mem());
        assert_int_not_equal(EVP_PKEY_todata(h.twin, EVP_PKEY_KEYPAIR, &params), 1);
        assert_int_not_equal(PEM_write_bio_PKCS8PrivateKey(bio, h.twin, NULL, NULL, 0, NULL, NULL),
                             1);
        for (size_t p = 0; p < ARRAY_LENGTH(parts); p++) {
            BIGNUM *number = NULL;
            assert_int_not_equal(EVP_PKEY_get_bn_param(h.twin, parts[p], &number), 1);
        }
        BIO_free(bio);
        free_hands(&h);
    }
    ERR_clear_error();
}

TEST(what_is_no_public_key_of_ours_makes_no_remote_key)
{
    EVP_PKEY *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), *good = new_key("P-256");
    struct spki memory;
    assert_null(remote_key_make(1, SLICE("")));
    assert_null(remote_key_make(1, SLICE("\x30\x03\x02\x01\x05")));
    assert_null(remote_key_make(1, spki_of(x25519, &memory)));
    slice spki = spki_of(good, &memory);
    assert_null(remote_key_make(1, slice_first(spki, spki.len - 1)));
    memory.bytes[spki.len] = 0;
    assert_null(remote_key_make(1, slice_of(spki.ptr, spki.len + 1)));
    assert_null(remote_key_make(0, spki)); /* no id */
    EVP_PKEY_free(x25519);
    EVP_PKEY_free(good);
}

TEST(raw_signatures_decryption_and_foreign_digests_are_not_there)
{
    struct hands h = new_hands("RSA:2048");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, h.twin, NULL);
    assert_int_not_equal(EVP_PKEY_sign_init(context), 1);
    assert_int_not_equal(EVP_PKEY_decrypt_init(context), 1);
    EVP_PKEY_CTX_free(context);
    static const char *const digests[] = { "SHA1", "MD5", "SHA224" };
    for (size_t i = 0; i < ARRAY_LENGTH(digests); i++) {
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        assert_int_not_equal(EVP_DigestSignInit_ex(c, NULL, digests[i], NULL, NULL, h.twin, NULL),
                             1);
        EVP_MD_CTX_free(c);
    }
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    assert_int_equal(EVP_DigestSignInit_ex(c, &parameters, "SHA256", NULL, NULL, h.twin, NULL), 1);
    assert_int_not_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_not_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 7), 1);
    EVP_MD_CTX_free(c);
    free_hands(&h);
    ERR_clear_error();
}

/* --- X.509 -------------------------------------------------------------------------------------
 */

/* Whoever may have anything signed: the certifier. */
TEST(certificates_and_requests_are_signed_with_every_kind_of_key)
{
    key_call_sign_on(holder.channel);
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        struct hands h = new_hands(kinds[i]);
        const EVP_MD *digest = strcmp(kinds[i], "ED25519") == 0 ? NULL : EVP_sha256();
        X509 *x = new_certificate(h.twin, h.twin, digest);
        assert_int_equal(X509_verify(x, h.key), 1);
        X509_REQ *request = X509_REQ_new();
        assert_int_equal(X509_REQ_set_pubkey(request, h.twin), 1);
        assert_true(X509_REQ_sign(request, h.twin, digest) > 0);
        assert_int_equal(X509_REQ_verify(request, h.key), 1);
        X509_free(x);
        X509_REQ_free(request);
        free_hands(&h);
    }
    sign_as_worker();
}

TEST(a_worker_gets_no_certificate_signed)
{
    struct hands h = new_hands("P-256");
    X509 *x = X509_new();
    X509_set_pubkey(x, h.key);
    ERR_clear_error();
    assert_int_equal(X509_sign(x, h.twin, EVP_sha256()), 0);
    /* the first error is ours: the channel was closed for asking */
    assert_string_equal(ERR_reason_error_string(ERR_peek_error()), "the keyholder is not running");
    ERR_clear_error();
    X509_free(x);
    sign_as_worker();
    free_hands(&h);
}

/* --- Failures ----------------------------------------------------------------------------------
 */

static int failing_with;

static int fail_to_sign(uint64_t key_id, enum key_scheme scheme, slice text,
                        struct key_signature *ret)
{
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR); /* of another fiber, meanwhile */
    return failing_with;
}

TEST(a_handshake_that_gets_no_signature_says_why)
{
    static const struct {
        int result;
        const char *text;
    } cases[] = {
        { -ENOENT, "the keyholder does not have this key" },
        { -ETIMEDOUT, "the keyholder has not answered in time" },
        { -ECANCELED, "the connection is being closed" },
        { -EPIPE, "the keyholder is not running" },
        { -EACCES, "the keyholder refuses to sign this" },
        { -EBUSY, "the keyholder has too much to do" },
        { -EOPNOTSUPP, "this process does not sign" },
        { -EIO, "the keyholder could not sign" },
    };
    struct hands h = new_hands("P-256");
    SSL_CTX *server = context_with(TLS_server_method(), TLS1_3_VERSION, &h);
    SSL_CTX *client = context_with(TLS_client_method(), TLS1_3_VERSION, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct ends e = connect_ends(server, client);
        failing_with = cases[i].result;
        remote_key_sign_by(cases[i].result == -EOPNOTSUPP ? NULL : fail_to_sign);
        assert_false(shake(&e));
        assert_string_equal(ERR_reason_error_string(ERR_peek_error()), cases[i].text);
        free_ends(&e);
    }
    remote_key_sign_by(key_call_sign);
    ERR_clear_error();
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    free_hands(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes_of_both_versions_are_signed_with_every_kind_of_key),
        cmocka_unit_test(clients_sign_with_every_kind_of_key),
        cmocka_unit_test(every_scheme_of_tls_can_be_asked_for),
        cmocka_unit_test(a_remote_key_equals_its_public_half_and_no_other),
        cmocka_unit_test(a_certificate_is_compared_with_its_key_again_and_again),
        cmocka_unit_test(a_key_without_an_id_can_be_compared_and_signs_nothing),
        cmocka_unit_test(a_remote_key_has_no_private_half_to_give),
        cmocka_unit_test(what_is_no_public_key_of_ours_makes_no_remote_key),
        cmocka_unit_test(raw_signatures_decryption_and_foreign_digests_are_not_there),
        cmocka_unit_test(certificates_and_requests_are_signed_with_every_kind_of_key),
        cmocka_unit_test(a_worker_gets_no_certificate_signed),
        cmocka_unit_test(a_handshake_that_gets_no_signature_says_why),
    };
    void *none = NULL;
    if (make_folder(&none) != 0)
        return 1;
    holder = start_keyholder();
    sign_as_worker();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close(channel);
    end_keyholder(&holder);
    return remove_folder(&none) == 0 ? failed : 1;
}
