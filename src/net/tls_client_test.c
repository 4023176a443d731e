/* Handshakes in memory, between a tls_client and servers of every kind: what is wrong with each is
 * named exactly. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "base/test.h"
#include "net/tls_client.h"
#include "net/tls_trust.h"

#define DAY 86400l

struct identity {
    X509 *certificate;
    EVP_PKEY *key;
};

static struct identity root, other_root;

/* What a server's certificate is like. */
struct draft {
    const char *name, *alternatives;
    long from_days, to_days;
    const struct identity *issuer; /* NULL: itself */
    bool is_authority;
};

static void add_extension(X509 *x, int id, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static struct identity make(const struct draft *d)
{
    static long serial = 4096;
    struct identity made = { X509_new(), EVP_EC_gen("P-256") };
    X509 *x = made.certificate;
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), d->from_days * DAY);
    X509_gmtime_adj(X509_getm_notAfter(x), d->to_days * DAY);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)d->name, -1, -1,
                               0);
    X509_set_issuer_name(x, d->issuer ? X509_get_subject_name(d->issuer->certificate) : name);
    X509_set_pubkey(x, made.key);
    if (d->is_authority)
        add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
    if (d->alternatives)
        add_extension(x, NID_subject_alt_name, d->alternatives);
    assert_true(X509_sign(x, d->issuer ? d->issuer->key : made.key, EVP_sha256()) > 0);
    return made;
}

static void drop(struct identity *i)
{
    X509_free(i->certificate);
    EVP_PKEY_free(i->key);
}

static int make_roots(UNUSED void **state)
{
    root = make(&(struct draft){ "our root", NULL, -9, 99, NULL, true });
    other_root = make(&(struct draft){ "their root", NULL, -9, 99, NULL, true });
    return 0;
}

static int drop_roots(UNUSED void **state)
{
    drop(&root);
    drop(&other_root);
    return 0;
}

static char pem_memory[8192];

static slice pem_of(X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    int length = BIO_read(bio, pem_memory, sizeof pem_memory);
    BIO_free(bio);
    return slice_of(pem_memory, (size_t)length);
}

static X509_STORE *trust_in(X509 *x)
{
    char why[256];
    struct writer w = writer_over(why, sizeof why);
    X509_STORE *trust = NULL;
    assert_int_equal(tls_trust_make(pem_of(x), &trust, &w), 0);
    return trust;
}

static struct tls_client *client_with(const struct tls_client_settings *settings)
{
    char why[256];
    struct writer w = writer_over(why, sizeof why);
    struct tls_client *client = NULL;
    assert_int_equal(tls_client_make(settings, &client, &w), 0);
    return client;
}

static struct tls_client *client_that_trusts(X509 *x)
{
    X509_STORE *trust = trust_in(x);
    struct tls_client *client =
        client_with(&(struct tls_client_settings){ .trust = trust, .version_min = TLS1_2_VERSION });
    X509_STORE_free(trust);
    return client;
}

static SSL_CTX *server_of(const struct identity *i)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(context, i->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, i->key), 1);
    return context;
}

struct outcome {
    int result;
    struct tls_peer_failure failure;
    bool is_reused;
    char asked_name[64];
};

/* Both sides by turns, until neither wants more. */
static void shake(SSL *client, SSL *server, struct outcome *o)
{
    o->result = -EAGAIN;
    for (int turn = 0; turn < 20 && o->result == -EAGAIN; turn++) {
        ERR_clear_error();
        int done = SSL_do_handshake(client);
        int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(client, done);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            o->result = done == 1 ? 0 : -EPROTO;
        unsigned long first = ERR_peek_error();
        if (o->result == -EPROTO) {
            tls_client_settle(client, -EPROTO, first, &o->failure);
            return;
        }
        assert_int_equal(first, 0);
        (void)SSL_do_handshake(server);
    }
    tls_client_settle(client, o->result == -EAGAIN ? -ETIMEDOUT : o->result, 0, &o->failure);
}

static struct outcome connect_to(SSL_CTX *context, struct tls_client *client,
                                 const struct tls_peer *peer)
{
    static struct outcome o;
    o = (struct outcome){ 0 };
    BIO *ours, *theirs;
    assert_int_equal(BIO_new_bio_pair(&ours, 65536, &theirs, 65536), 1);
    SSL *server = SSL_new(context);
    SSL_set_accept_state(server);
    SSL *ssl = SSL_new(tls_client_context(client));
    SSL_set_connect_state(ssl);
    assert_int_equal(tls_client_prepare(ssl, peer, &o.failure), 0);
    SSL_set_bio(ssl, ours, ours);
    SSL_set_bio(server, theirs, theirs);
    shake(ssl, server, &o);
    if (o.result == 0) {
        char byte;
        (void)SSL_do_handshake(server);
        assert_int_equal(SSL_write(server, "x", 1), 1);
        assert_int_equal(SSL_read(ssl, &byte, 1), 1); /* and the tickets before it */
    }
    o.is_reused = SSL_session_reused(ssl) == 1;
    const char *name = SSL_get_servername(server, TLSEXT_NAMETYPE_host_name);
    if (name)
        memcpy(o.asked_name, name, strlen(name) + 1);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_free(server);
    return o;
}

static struct outcome connect_as(const struct draft *d, const struct tls_peer *peer)
{
    struct identity i = make(d);
    SSL_CTX *context = server_of(&i);
    struct tls_client *client = client_that_trusts(root.certificate);
    struct outcome o = connect_to(context, client, peer);
    tls_client_free(client);
    SSL_CTX_free(context);
    drop(&i);
    return o;
}

static const struct tls_peer a_test = { .name = SLICE("a.test") };

static struct ip ip_of(const char *text)
{
    struct ip ip;
    assert_int_equal(ip_parse(slice_from(text), &ip), 0);
    return ip;
}

TEST(a_certificate_is_judged_by_chain_dates_and_name)
{
    const struct {
        struct draft draft;
        const char *name, *ip;
        enum tls_peer_failure_kind kind;
        const char *says;
    } cases[] = {
        { { "x", "DNS:a.test", -1, 9, &root, false }, "a.test", NULL, TLS_FAILURE_NONE, "" },
        { { "x", "DNS:*.b.test", -1, 9, &root, false }, "a.b.test", NULL, TLS_FAILURE_NONE, "" },
        { { "x", "IP:192.0.2.1", -1, 9, &root, false }, NULL, "192.0.2.1", TLS_FAILURE_NONE, "" },
        { { "x", "IP:2001:db8::1", -1, 9, &root, false },
          NULL,
          "2001:db8::1",
          TLS_FAILURE_NONE,
          "" },
        { { "x", "DNS:b.test", -1, 9, &root, false },
          "a.test",
          NULL,
          TLS_FAILURE_NAME,
          "is not for a.test; it is for DNS:b.test: CN=x, from " },
        { { "a.test", NULL, -1, 9, &root, false },
          "a.test",
          NULL,
          TLS_FAILURE_NAME,
          "it names none (no subjectAltName)" },
        { { "x", "DNS:*.est", -1, 9, &root, false }, "a.test", NULL, TLS_FAILURE_NAME, "" },
        { { "x", "DNS:a*.test", -1, 9, &root, false }, "ab.test", NULL, TLS_FAILURE_NAME, "" },
        { { "x", "DNS:192.0.2.1", -1, 9, &root, false },
          NULL,
          "192.0.2.1",
          TLS_FAILURE_NAME,
          "is not for 192.0.2.1" },
        { { "x", "DNS:a.test", -9, -1, &root, false },
          "a.test",
          NULL,
          TLS_FAILURE_EXPIRED,
          "the server's certificate has expired: CN=x, from " },
        { { "x", "DNS:a.test", 1, 9, &root, false },
          "a.test",
          NULL,
          TLS_FAILURE_NOT_YET_VALID,
          "is not valid yet: CN=x" },
        { { "x", "DNS:a.test", -1, 9, NULL, false },
          "a.test",
          NULL,
          TLS_FAILURE_UNTRUSTED,
          "is not trusted (self-signed certificate): CN=x" },
        { { "x", "DNS:a.test", -1, 9, &other_root, false },
          "a.test",
          NULL,
          TLS_FAILURE_UNTRUSTED,
          "issued by CN=their root" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct tls_peer peer = { .name = slice_from(cases[i].name) };
        if (cases[i].ip)
            peer.ip = ip_of(cases[i].ip);
        struct outcome o = connect_as(&cases[i].draft, &peer);
        if (o.failure.kind != cases[i].kind || !strstr(o.failure.text, cases[i].says))
            fail_msg("case %zu: %d: %s", i, (int)o.failure.kind, o.failure.text);
        assert_int_equal(o.result, cases[i].kind == TLS_FAILURE_NONE ? 0 : -EPROTO);
        assert_string_equal(o.asked_name, cases[i].name ? cases[i].name : "");
    }
}

TEST(a_name_of_a_stranger_stays_within_its_text)
{
    struct outcome o = connect_as(
        &(struct draft){ "x\n, from now on\"\xc3\xa4", "DNS:b.test", -1, 9, &root, false },
        &a_test);
    assert_int_equal(o.failure.kind, TLS_FAILURE_NAME);
    assert_non_null(strstr(o.failure.text, "CN=x\\0A\\, from now on\\\"\\C3\\A4, from 20"));
}

/* One server that our root has signed, and clients of every kind. */
static struct outcome connect_pinned(const uint8_t (*pins)[SHA256_BYTES], uint32_t count,
                                     X509_STORE *trust, const struct identity *server)
{
    SSL_CTX *context = server_of(server);
    struct tls_client *client = client_with(&(struct tls_client_settings){
        .trust = trust, .pins = pins, .pin_count = count, .version_min = TLS1_2_VERSION });
    struct outcome o = connect_to(context, client, &a_test);
    tls_client_free(client);
    SSL_CTX_free(context);
    return o;
}

TEST(a_pinned_key_counts_with_and_without_authorities)
{
    struct identity ours = make(&(struct draft){ "x", "DNS:a.test", -1, 9, &root, false });
    struct identity selfmade = make(&(struct draft){ "y", NULL, -9, -1, NULL, false });
    X509_STORE *trust = trust_in(root.certificate);
    uint8_t pins[3][SHA256_BYTES] = { { 1 } };
    assert_int_equal(x509_key_fingerprint(ours.certificate, pins[1]), 0);
    assert_int_equal(x509_key_fingerprint(selfmade.certificate, pins[2]), 0);
    const struct {
        uint32_t count;
        X509_STORE *trust;
        const struct identity *server;
        enum tls_peer_failure_kind kind;
    } cases[] = {
        { 1, NULL, &ours, TLS_FAILURE_PIN },      { 2, NULL, &ours, TLS_FAILURE_NONE },
        { 1, trust, &ours, TLS_FAILURE_PIN },     { 2, trust, &ours, TLS_FAILURE_NONE },
        { 3, NULL, &selfmade, TLS_FAILURE_NONE }, { 3, trust, &selfmade, TLS_FAILURE_UNTRUSTED },
        { 2, NULL, &selfmade, TLS_FAILURE_PIN },  { 0, NULL, &selfmade, TLS_FAILURE_NONE },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct outcome o = connect_pinned((const uint8_t(*)[SHA256_BYTES])pins, cases[i].count,
                                          cases[i].trust, cases[i].server);
        if (o.failure.kind != cases[i].kind)
            fail_msg("case %zu: %d: %s", i, (int)o.failure.kind, o.failure.text);
    }
    X509_STORE_free(trust);
    drop(&ours);
    drop(&selfmade);
}

TEST(whoever_is_named_in_the_file_is_believed_also_when_it_is_no_root)
{
    struct identity middle = make(&(struct draft){ "middle", NULL, -1, 9, &root, true });
    struct identity leaf = make(&(struct draft){ "x", "DNS:a.test", -1, 9, &middle, false });
    struct tls_client *client = client_that_trusts(middle.certificate);
    SSL_CTX *context = server_of(&leaf);
    assert_int_equal(connect_to(context, client, &a_test).result, 0);
    tls_client_free(client);
    SSL_CTX_free(context);
    drop(&middle);
    drop(&leaf);
}

TEST(a_session_is_kept_offered_and_forgotten_after_a_failure)
{
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct identity i = make(&(struct draft){ "x", "DNS:a.test", -1, 9, &root, false });
        SSL_CTX *context = server_of(&i);
        SSL_CTX_set_max_proto_version(context, version);
        struct tls_client *client = client_that_trusts(root.certificate);
        SSL_SESSION *session = NULL;
        struct tls_peer peer = { .name = SLICE("a.test"), .session = &session };
        assert_false(connect_to(context, client, &peer).is_reused);
        assert_non_null(session);
        assert_true(connect_to(context, client, &peer).is_reused);
        assert_true(connect_to(context, client, &peer).is_reused);
        SSL_CTX *another = server_of(&i); /* with ticket keys of its own */
        struct outcome o = connect_to(another, client, &peer);
        assert_int_equal(o.result, 0);
        assert_false(o.is_reused);
        SSL_CTX_set_cipher_list(another, "AES128-SHA");
        SSL_CTX_set_ciphersuites(another, "TLS_AES_128_CCM_8_SHA256");
        o = connect_to(another, client, &peer);
        assert_int_equal(o.result, -ETIMEDOUT == o.result ? o.result : -EPROTO);
        assert_null(session);
        SSL_SESSION_free(session);
        SSL_CTX_free(another);
        SSL_CTX_free(context);
        tls_client_free(client);
        drop(&i);
    }
}

TEST(versions_and_alerts_have_words)
{
    struct identity i = make(&(struct draft){ "x", "DNS:a.test", -1, 9, &root, false });
    SSL_CTX *context = server_of(&i);
    struct tls_client *client = client_that_trusts(root.certificate);
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
    struct outcome o = connect_to(context, client, &a_test);
    assert_int_equal(o.failure.kind, TLS_FAILURE_PROTOCOL);
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, "AES128-SHA256");
    o = connect_to(context, client, &a_test);
    assert_int_equal(o.failure.kind, TLS_FAILURE_HANDSHAKE);
    assert_non_null(strstr(o.failure.text, "\"handshake failure\": it has no cipher suite"));
    SSL_CTX_free(context);
    tls_client_free(client);
    drop(&i);
}

TEST(a_file_of_authorities_is_read_strictly)
{
    const struct {
        const char *text, *says;
    } cases[] = {
        { "", "there is no certificate in it" },
        { "hello", "there is no certificate in it" },
        { "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
          "certificate 1 in it cannot be read" },
        { "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "a private key" },
        { "-----BEGIN CERTIFICATE-----\nAAAA\n", "certificate 1 in it cannot be read" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char why[256] = "";
        struct writer w = writer_over(why, sizeof why - 1);
        X509_STORE *trust = NULL;
        assert_int_equal(tls_trust_make(slice_from(cases[i].text), &trust, &w), -EINVAL);
        if (!strstr(why, cases[i].says))
            fail_msg("case %zu: %s", i, why);
    }
}

TEST(names_addresses_and_mail_are_told_apart_and_escaped)
{
    struct identity i = make(&(struct draft){
        "x", "DNS:a.test,IP:192.0.2.1,IP:2001:db8::1,email:m@a.test,URI:spiffe://a/b", -1, 9, NULL,
        false });
    char text[256];
    struct writer w = writer_over(text, sizeof text);
    x509_write_alternatives(&w, i.certificate, 9);
    assert_slice_equal(writer_slice(&w), SLICE("DNS:a.test, IP:192.0.2.1, IP:2001:db8::1, "
                                               "email:m@a.test, URI:spiffe://a/b"));
    w = writer_over(text, sizeof text);
    x509_write_alternatives(&w, i.certificate, 2);
    assert_slice_equal(writer_slice(&w), SLICE("DNS:a.test, IP:192.0.2.1, ..."));
    w = writer_over(text, sizeof text);
    ASN1_INTEGER_set(X509_get_serialNumber(i.certificate), 0x0abcdef);
    x509_write_serial(&w, i.certificate);
    assert_slice_equal(writer_slice(&w), SLICE("ABCDEF"));
    drop(&i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_judged_by_chain_dates_and_name),
        cmocka_unit_test(a_name_of_a_stranger_stays_within_its_text),
        cmocka_unit_test(a_pinned_key_counts_with_and_without_authorities),
        cmocka_unit_test(whoever_is_named_in_the_file_is_believed_also_when_it_is_no_root),
        cmocka_unit_test(a_session_is_kept_offered_and_forgotten_after_a_failure),
        cmocka_unit_test(versions_and_alerts_have_words),
        cmocka_unit_test(a_file_of_authorities_is_read_strictly),
        cmocka_unit_test(names_addresses_and_mail_are_told_apart_and_escaped),
    };
    return cmocka_run_group_tests(tests, make_roots, drop_roots);
}
