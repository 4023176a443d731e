/* The keyholder from outside: what it loads and refuses, what it makes, who may ask for what. */
#include <errno.h>
#include <openssl/core_names.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/writer.h"
#include "control/key_test.h"

static struct keyholder holder;
static struct key_answer answer;

static int load(int channel, const char *path, slice spki)
{
    struct key_load what = { .path = slice_from(path), .leaf_spki = spki, .use = KEY_FOR_TLS };
    return key_call_load(channel, &what, &answer);
}

/* The other end has closed it. */
static bool has_ended(int channel)
{
    static char memory[KEY_BODY_MAX + 1];
    struct pollfd polled = { .fd = channel, .events = POLLIN };
    struct key_packet p;
    assert_int_equal(poll(&polled, 1, 60000), 1);
    return key_packet_receive(channel, memory, &p) == -EPIPE;
}

/* --- Loading -----------------------------------------------------------------------------------
 */

TEST(a_key_has_the_id_of_its_public_half)
{
    static const char *const kinds[] = { "P-256", "P-384", "RSA:2048", "ED25519" };
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        EVP_PKEY *key = new_key(kinds[i]);
        struct spki memory;
        slice spki = spki_of(key, &memory);
        const char *path = write_key_file("good.pem", key);
        assert_int_equal(load(holder.channel, path, spki), 0);
        assert_int_equal(answer.id, key_id_of(spki));
        assert_slice_equal(slice_of((const char *)answer.spki, answer.spki_bytes), spki);
        assert_string_equal(answer.text, "");
        assert_int_equal(load(holder.channel, path, SLICE("")), 0); /* again, for any certificate */
        assert_int_equal(answer.id, key_id_of(spki));
        EVP_PKEY_free(key);
    }
}

/* The classic formats of OpenSSL, a certificate beside the key, text in front of it. */
TEST(every_pem_that_holds_a_key_is_read)
{
    EVP_PKEY *key = new_key("P-256");
    X509 *x = new_certificate(key, key, EVP_sha256());
    struct spki memory;
    slice spki = spki_of(key, &memory);
    for (int form = 0; form < 3; form++) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *text;
        if (form == 1)
            BIO_puts(bio, "subject=test\n\n");
        if (form == 2)
            assert_int_equal(PEM_write_bio_X509(bio, x), 1);
        assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL),
                         1);
        long length = BIO_get_mem_data(bio, &text);
        assert_int_equal(load(holder.channel, write_bytes("form.pem", text, (size_t)length), spki),
                         0);
        BIO_free(bio);
    }
    X509_free(x);
    EVP_PKEY_free(key);
}

static void expect_refusal(const char *path, int result, const char *text)
{
    int got = load(holder.channel, path, SLICE(""));
    if (got != result || strcmp(answer.text, text) != 0)
        fail_msg("%s: %d \"%s\" is not the expected %d \"%s\"", path, got, answer.text, result,
                 text);
}

TEST(what_is_no_file_with_a_key_is_refused_with_the_reason)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        { "", "it is empty" },
        { "nothing of the kind", "there is no private key in it (BEGIN PRIVATE KEY)" },
        { "\x30\x2e\x02\x01",
          "it is in DER; PEM is expected (openssl pkey -inform der -in FILE -out NEW)" },
        { "\x30\x82\x09\x01\x02\x01\x03\x30",
          "it is PKCS#12; PEM is expected (openssl pkcs12 -in FILE -nocerts -nodes -out NEW)" },
        { "\x30\x80\x02\x01\x03\x30\x80",
          "it is PKCS#12; PEM is expected (openssl pkcs12 -in FILE -nocerts -nodes -out NEW)" },
        { "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
          "there is a certificate in it, but no private key (BEGIN PRIVATE KEY)" },
        { "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
          "the private key in it is malformed" },
        { "-----BEGIN PRIVATE KEY-----\nMC4CAQ", "the private key in it is malformed" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        expect_refusal(write_bytes("bad.pem", cases[i].bytes, strlen(cases[i].bytes)), -EINVAL,
                       cases[i].text);
    expect_refusal(path_of("not-there.pem"), -ENOENT, "it does not exist");
    expect_refusal(folder, -EINVAL, "it is a folder, not a file");
    expect_refusal("/dev/zero", -EINVAL, "it is a device, not a file");
    static char large[(256 << 10) + 1];
    expect_refusal(write_bytes("large.pem", large, sizeof large), -EINVAL,
                   "it is larger than 256 KiB");
    if (geteuid() != 0) {
        const char *path = write_bytes("closed.pem", "x", 1);
        assert_int_equal(chmod(path, 0), 0);
        expect_refusal(path, -EACCES,
                       "it may not be read by the user that Portcullis is started as");
    }
}

TEST(encrypted_keys_are_refused_with_the_way_out)
{
    static const char text[] =
        "it is encrypted, and nobody types a passphrase when Portcullis starts: write it without "
        "one (openssl pkey -in FILE -out NEW)";
    EVP_PKEY *key = new_key("P-256");
    for (int form = 0; form < 2; form++) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *bytes;
        int written =
            form ? PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), "word", 4, NULL, NULL)
                 : PEM_write_bio_PrivateKey_traditional(
                       bio, key, EVP_aes_128_cbc(), (const unsigned char *)"word", 4, NULL, NULL);
        assert_int_equal(written, 1);
        long length = BIO_get_mem_data(bio, &bytes);
        expect_refusal(write_bytes("encrypted.pem", bytes, (size_t)length), -EINVAL, text);
        BIO_free(bio);
    }
    EVP_PKEY_free(key);
}

TEST(keys_of_other_kinds_and_sizes_are_refused_with_what_they_are)
{
    static const struct {
        const char *kind, *text;
    } cases[] = {
        { "RSA:1024", "its RSA key has 1024 bits; 2048 to 8192 are expected" },
        { "RSA:2047", "its RSA key has 2047 bits; 2048 to 8192 are expected" },
        { "secp256k1",
          "its curve is secp256k1; prime256v1 (P-256) or secp384r1 (P-384) is expected" },
        { "P-521", "its curve is secp521r1; prime256v1 (P-256) or secp384r1 (P-384) is expected" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        EVP_PKEY *key = new_key(cases[i].kind);
        expect_refusal(write_key_file("odd.pem", key), -EINVAL, cases[i].text);
        EVP_PKEY_free(key);
    }
    static const char *const others[] = { "ED448", "X25519" };
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        char text[128];
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, others[i]);
        (void)snprintf(text, sizeof text,
                       "its key is of the kind %s; ECDSA, RSA or Ed25519 is expected", others[i]);
        expect_refusal(write_key_file("other.pem", key), -EINVAL, text);
        EVP_PKEY_free(key);
    }
}

/* The parts of two keys in one: nothing that was signed with it would be taken. */
TEST(halves_that_do_not_belong_together_are_refused)
{
    EVP_PKEY *one = new_key("RSA:2048"), *mixed = NULL;
    OSSL_PARAM *params = NULL;
    assert_int_equal(EVP_PKEY_todata(one, EVP_PKEY_KEYPAIR, &params), 1);
    OSSL_PARAM *d = OSSL_PARAM_locate(params, "d");
    ((unsigned char *)d->data)[20] ^= 1;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &mixed, EVP_PKEY_KEYPAIR, params), 1);
    expect_refusal(write_key_file("mixed.pem", mixed), -EINVAL,
                   "the numbers of its RSA key do not belong together");
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    EVP_PKEY_free(one);
    EVP_PKEY_free(mixed);
}

/* A point may be written in two ways (RFC 5480 §2.2). */
TEST(a_certificate_may_write_the_point_of_its_key_in_the_short_way)
{
    EVP_PKEY *key = new_key("P-256");
    struct spki memory;
    const char *path = write_key_file("key.pem", key);
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                                    "compressed"),
                     1);
    slice compressed = spki_of(key, &memory);
    assert_in_range(compressed.len, 1, 60);
    assert_int_equal(load(holder.channel, path, compressed), 0);
    assert_int_equal(answer.id, key_id_of(compressed));
    EVP_PKEY_free(key);
}

TEST(a_key_of_another_certificate_is_refused)
{
    static const char *const kinds[] = { "P-256", "P-384", "RSA:2048", "ED25519" };
    EVP_PKEY *rsa = new_key("RSA:3072");
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        EVP_PKEY *key = new_key(kinds[i]), *other = new_key(kinds[i]);
        struct spki memory;
        const char *path = write_key_file("key.pem", key);
        assert_int_equal(load(holder.channel, path, spki_of(other, &memory)), -EKEYREJECTED);
        assert_string_equal(answer.text, "it does not belong to the certificate");
        assert_int_equal(load(holder.channel, path, spki_of(rsa, &memory)), -EKEYREJECTED);
        assert_int_equal(load(holder.channel, path, SLICE("no public key")), -EKEYREJECTED);
        slice own = spki_of(key, &memory);
        assert_int_equal(load(holder.channel, path, slice_first(own, own.len - 1)), -EKEYREJECTED);
        assert_int_equal(load(holder.channel, path, own), 0);
        EVP_PKEY_free(key);
        EVP_PKEY_free(other);
    }
    EVP_PKEY_free(rsa);
}

/* A compressed point is another way to write the same public half: its id goes by the bytes. */
TEST(a_public_half_that_is_written_in_another_way_is_the_same_key)
{
    EVP_PKEY *key = new_key("P-256");
    struct spki plain, compressed;
    slice usual = spki_of(key, &plain);
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed"), 1);
    slice other = spki_of(key, &compressed);
    assert_false(slice_equal(usual, other));
    assert_int_equal(load(holder.channel, write_key_file("point.pem", key), other), 0);
    assert_int_equal(answer.id, key_id_of(other));
    EVP_PKEY_free(key);
}

TEST(a_file_that_everybody_may_read_is_used_with_a_warning)
{
    EVP_PKEY *key = new_key("P-256");
    const char *path = write_key_file("open.pem", key);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(load(holder.channel, path, SLICE("")), 0);
    assert_string_equal(answer.text, "everybody on this machine may read it: chmod 600 it");
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(load(holder.channel, path, SLICE("")), 0);
    assert_string_equal(answer.text, "");
    EVP_PKEY_free(key);
}

TEST(a_path_is_found_from_the_asker_s_folder)
{
    char before[4096];
    EVP_PKEY *key = new_key("P-256");
    (void)write_key_file("relative.pem", key);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(load(holder.channel, "relative.pem", SLICE("")), 0);
    assert_int_equal(chdir(before), 0);
    EVP_PKEY_free(key);
}

/* --- Making ------------------------------------------------------------------------------------
 */

static int generate(enum key_recipe recipe, const char *name)
{
    return key_call_generate(holder.channel, recipe, KEY_FOR_TLS, slice_from(name), &answer);
}

TEST(new_keys_are_written_for_their_owner_alone)
{
    static const struct {
        enum key_recipe recipe;
        const char *name;
        int bits;
    } cases[] = {
        { KEY_NEW_P256, "site.example", 256 },
        { KEY_NEW_P384, "*.example", 384 },
        { KEY_NEW_ED25519, "ed_25519", 256 },
        { KEY_NEW_RSA_2048, "rsa-2048", 2048 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char path[256];
        struct stat status;
        assert_int_equal(generate(cases[i].recipe, cases[i].name), 0);
        uint64_t id = answer.id;
        EVP_PKEY *twin =
            remote_key_make(id, slice_of((const char *)answer.spki, answer.spki_bytes));
        assert_int_equal(EVP_PKEY_get_bits(twin), cases[i].bits);
        EVP_PKEY_free(twin);
        (void)snprintf(path, sizeof path, "%s/keys/%s.pem", folder, cases[i].name);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        assert_int_equal(load(holder.channel, path, SLICE("")), 0);
        assert_int_equal(answer.id, id);
        assert_int_equal(generate(cases[i].recipe, cases[i].name), -EEXIST);
        assert_non_null(strstr(answer.text, " exists"));
        assert_int_equal(key_call_delete(holder.channel, slice_from(cases[i].name), &answer), 0);
        assert_int_equal(stat(path, &status), -1);
        assert_int_equal(key_call_delete(holder.channel, slice_from(cases[i].name), &answer),
                         -ENOENT);
    }
    struct stat status;
    assert_int_equal(stat(path_of("keys"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
}

TEST(names_that_lead_elsewhere_are_none)
{
    static const char *const names[] = { "",    ".",    "..",       ".hidden", "a/b", "../a",
                                         "a b", "a\nb", "\xc3\xa4", "a\\b",    "a:b" };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        assert_int_equal(generate(KEY_NEW_P256, names[i]), -EINVAL);
        assert_non_null(strstr(answer.text, "is no name for a key"));
        assert_int_equal(key_call_delete(holder.channel, slice_from(names[i]), &answer), -EINVAL);
    }
}

TEST(a_long_making_keeps_nobody_waiting)
{
    int other = key_call_open(holder.channel, KEY_MAY_ALL | KEY_NEW_FAMILY);
    struct key_packet request = {
        .head = { .verb = KEY_GENERATE, .detail = KEY_NEW_RSA_4096, .number = 1 },
        .body = SLICE("slow"),
        .fd = -1
    };
    assert_int_equal(key_packet_send(other, &request), 0);
    /* the order is kept on one channel: so the answer to another comes while it is at work */
    EVP_PKEY *key = new_key("P-256");
    for (int i = 0; i < 5; i++)
        assert_int_equal(load(holder.channel, write_key_file("quick.pem", key), SLICE("")), 0);
    int result = generate(KEY_NEW_P256, "second");
    assert_true(result == -EBUSY || result == 0);
    close(other); /* who asked has gone: nothing is written */
    for (result = -EBUSY; result == -EBUSY;)
        result = generate(KEY_NEW_P256, "after");
    assert_int_equal(result, 0);
    assert_int_equal(access(path_of("keys/slow.pem"), F_OK), -1);
    EVP_PKEY_free(key);
}

/* --- Rights ------------------------------------------------------------------------------------
 */

#define SERVER "TLS 1.3, server CertificateVerify"

static slice tls_text(void)
{
    static char text[64 + sizeof SERVER + 32];
    memset(text, ' ', 64);
    memcpy(text + 64, SERVER, sizeof SERVER);
    memset(text + 64 + sizeof SERVER, 'h', 32);
    return slice_of(text, sizeof text);
}

static int sign_on(int channel, uint64_t id, enum key_scheme scheme, slice text)
{
    static struct key_signature signature;
    key_call_sign_on(channel);
    return key_call_sign(id, scheme, text, &signature);
}

static uint64_t load_one(int channel, const char *kind, int32_t use)
{
    EVP_PKEY *key = new_key(kind);
    struct key_load what = { .path = slice_from(write_key_file("one.pem", key)), .use = use };
    assert_int_equal(key_call_load(channel, &what, &answer), 0);
    EVP_PKEY_free(key);
    return answer.id;
}

TEST(a_channel_that_oversteps_its_rights_ends_and_no_other)
{
    static const struct {
        uint16_t verb;
        int32_t detail;
        uint32_t rights; /* without the one that it takes */
    } cases[] = {
        { KEY_SIGN, KEY_ECDSA_SHA256, KEY_MAY_ALL & ~KEY_MAY_SIGN },
        { KEY_LOAD, 0, KEY_MAY_ALL & ~KEY_MAY_LOAD },
        { KEY_FORGET, 0, KEY_MAY_ALL & ~KEY_MAY_LOAD },
        { KEY_GENERATE, KEY_NEW_P256, KEY_MAY_ALL & ~KEY_MAY_GENERATE },
        { KEY_DELETE, 0, KEY_MAY_ALL & ~KEY_MAY_GENERATE },
        { KEY_OPEN, KEY_MAY_SIGN, KEY_MAY_ALL & ~KEY_MAY_OPEN },
        { KEY_SIGN_MANY, 0, KEY_MAY_ALL & ~KEY_MAY_SIGN },
        { 0, 0, KEY_MAY_ALL },
        { KEY_RESTRICT + 1, 0, KEY_MAY_ALL },
        { KEY_SIGN_MANY + 1, 0, KEY_MAY_ALL },
        { 0xffff, 0, KEY_MAY_ALL },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int channel = key_call_open(holder.channel, cases[i].rights);
        struct key_packet request = { .head = { .verb = cases[i].verb, .detail = cases[i].detail },
                                      .body = SLICE("name"),
                                      .fd = -1 };
        assert_int_equal(key_packet_send(channel, &request), 0);
        assert_true(has_ended(channel));
        close(channel);
        (void)load_one(holder.channel, "P-256", KEY_FOR_TLS);
    }
}

TEST(rights_are_given_on_but_never_more_of_them)
{
    int worker = key_call_open(holder.channel, KEY_MAY_SIGN | KEY_MAY_OPEN);
    int less = key_call_open(worker, KEY_MAY_SIGN);
    uint64_t id = load_one(holder.channel, "P-256", KEY_FOR_TLS);
    assert_int_equal(sign_on(less, id, KEY_ECDSA_SHA256, tls_text()), 0);
    int more = key_call_open(worker, KEY_MAY_SIGN | KEY_MAY_LOAD);
    assert_true(has_ended(more));
    assert_true(has_ended(worker));
    close(more);
    close(worker);
    assert_int_equal(sign_on(less, id, KEY_ECDSA_SHA256, tls_text()), 0);
    close(less);
}

TEST(rights_that_were_given_away_do_not_come_back)
{
    int channel = key_call_open(holder.channel, KEY_MAY_SIGN | KEY_MAY_LOAD);
    uint64_t id = load_one(channel, "P-256", KEY_FOR_TLS);
    assert_int_equal(key_call_restrict(channel, KEY_MAY_SIGN), 0);
    assert_int_equal(key_call_restrict(channel, KEY_MAY_ALL), 0);
    assert_int_equal(sign_on(channel, id, KEY_ECDSA_SHA256, tls_text()), 0);
    assert_int_equal(load(channel, path_of("one.pem"), SLICE("")), -EPIPE);
    close(channel);
}

TEST(a_worker_has_handshakes_signed_and_nothing_else)
{
    static const struct {
        const char *kind;
        enum key_scheme scheme;
        bool is_handshake, is_for_tls;
        int result; /* -EPIPE: it was closed for asking */
    } cases[] = {
        { "P-256", KEY_ECDSA_SHA256, true, true, 0 },
        { "RSA:2048", KEY_RSA_PSS_SHA256, true, true, 0 },
        { "ED25519", KEY_ED25519_PURE, true, true, 0 },
        { "P-256", KEY_ECDSA_SHA256, false, true, -EPIPE },
        { "P-256", KEY_ECDSA_SHA256, true, false, -EPIPE },       /* an authority's */
        { "RSA:2048", KEY_RSA_PKCS1_SHA256, true, true, -EPIPE }, /* none of TLS 1.3 */
        { "RSA:2048", KEY_RSA_PSS_SHA256, false, true, -EPIPE },
        { "P-256", KEY_RSA_PSS_SHA256, true, true, -EACCES },
        { "RSA:2048", KEY_ECDSA_SHA256, true, true, -EACCES },
        { "ED25519", KEY_ECDSA_SHA256, true, true, -EACCES },
        { "P-256", (enum key_scheme)0x0203, true, true, -EACCES }, /* SHA-1 */
        { "P-256", (enum key_scheme)0, true, true, -EACCES },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int worker = key_call_open(holder.channel, KEY_MAY_SIGN);
        uint64_t id =
            load_one(holder.channel, cases[i].kind, cases[i].is_for_tls ? KEY_FOR_TLS : 0);
        slice text = cases[i].is_handshake ? tls_text() : SLICE("to be signed");
        int result = sign_on(worker, id, cases[i].scheme, text);
        if (result != cases[i].result)
            fail_msg("case %zu: %d is not the expected %d", i, result, cases[i].result);
        close(worker);
    }
    int worker = key_call_open(holder.channel, KEY_MAY_SIGN);
    assert_int_equal(sign_on(worker, 17, KEY_ECDSA_SHA256, tls_text()), -ENOENT);
    close(worker);
}

/* Several requests in one packet, with the right to sign handshakes. */
static struct key_packet pack(char *memory, size_t room, const struct key_part *parts, int count)
{
    struct writer w = writer_over(memory, room);
    for (int i = 0; i < count; i++) {
        writer_bytes(&w, &parts[i], sizeof parts[i]);
        writer_slice_add(&w, slice_first(tls_text(), parts[i].bytes));
    }
    assert_false(w.overflowed);
    return (
        struct key_packet){ .head = { .verb = KEY_SIGN_MANY }, .body = writer_slice(&w), .fd = -1 };
}

TEST(many_signatures_are_asked_for_at_once_and_fail_alone)
{
    static char memory[KEY_BODY_MAX + 1];
    int worker = key_call_open(holder.channel, KEY_MAY_SIGN);
    uint64_t ec = load_one(holder.channel, "P-256", KEY_FOR_TLS),
             rsa = load_one(holder.channel, "RSA:2048", KEY_FOR_TLS);
    uint32_t bytes = (uint32_t)tls_text().len;
    const struct key_part asked[] = { { 7, ec, KEY_ECDSA_SHA256, bytes },
                                      { 5, 17, KEY_ECDSA_SHA256, bytes },
                                      { 9, rsa, KEY_RSA_PSS_SHA256, bytes },
                                      { 9, ec, KEY_RSA_PSS_SHA256, bytes },
                                      { 6, ec, KEY_ECDSA_SHA256, bytes } };
    static const int results[] = { 0, -ENOENT, 0, -EACCES, 0 };
    struct key_packet p = pack(memory, sizeof memory, asked, ARRAY_LENGTH(asked));
    struct pollfd polled = { .fd = worker, .events = POLLIN };
    assert_int_equal(key_packet_send(worker, &p), 0);
    assert_int_equal(poll(&polled, 1, 60000), 1);
    assert_int_equal(key_packet_receive(worker, memory, &p), 0);
    assert_int_equal(p.head.verb, KEY_SIGN_MANY);
    assert_int_equal(p.head.detail, 0);
    slice rest = p.body;
    for (size_t i = 0; i < ARRAY_LENGTH(asked); i++) {
        struct key_part part;
        slice said;
        assert_int_equal(key_part_take(&rest, &part, &said), 0);
        assert_int_equal(part.number, asked[i].number);
        assert_int_equal(part.key_id, asked[i].key_id);
        assert_int_equal(part.detail, results[i]);
        assert_true(said.len > 0);
    }
    assert_int_equal(rest.len, 0);
    close(worker);
}

TEST(one_bad_request_among_many_ends_the_channel)
{
    static char memory[KEY_BODY_MAX + 1];
    uint64_t id = load_one(holder.channel, "P-256", KEY_FOR_TLS);
    uint32_t bytes = (uint32_t)tls_text().len;
    struct key_part asked[KEY_MANY_MAX + 1];
    for (size_t i = 0; i < ARRAY_LENGTH(asked); i++)
        asked[i] = (struct key_part){ i, id, KEY_ECDSA_SHA256, bytes };
    struct key_packet too_many = pack(memory, sizeof memory, asked, KEY_MANY_MAX + 1);
    struct key_packet none = too_many, cut = too_many, cut_head = too_many, no_handshake = too_many;
    none.body.len = 0;
    cut.body.len = 2 * (sizeof asked[0] + bytes) - 1;
    cut_head.body.len = sizeof asked[0] + bytes + sizeof asked[0] - 1;
    struct key_part empty = { 1, id, KEY_ECDSA_SHA256, 0 };
    static char of_empty[sizeof empty];
    memcpy(of_empty, &empty, sizeof empty);
    no_handshake.body = slice_of(of_empty, sizeof of_empty);
    const struct key_packet *const cases[] = { &too_many, &none, &cut, &cut_head, &no_handshake };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int worker = key_call_open(holder.channel, KEY_MAY_SIGN);
        assert_int_equal(key_packet_send(worker, cases[i]), 0);
        if (!has_ended(worker))
            fail_msg("case %zu: the channel goes on", i);
        close(worker);
    }
    (void)load_one(holder.channel, "P-256", KEY_FOR_TLS);
}

/* --- Families ----------------------------------------------------------------------------------
 */

TEST(keys_go_with_the_last_channel_of_who_loaded_them)
{
    int generation =
        key_call_open(holder.channel, KEY_MAY_SIGN | KEY_MAY_LOAD | KEY_MAY_OPEN | KEY_NEW_FAMILY);
    int worker = key_call_open(generation, KEY_MAY_SIGN);
    int stranger = key_call_open(holder.channel, KEY_MAY_SIGN | KEY_MAY_LOAD | KEY_NEW_FAMILY);
    uint64_t id = load_one(generation, "P-256", KEY_FOR_TLS);
    close(generation);
    assert_int_equal(sign_on(worker, id, KEY_ECDSA_SHA256, tls_text()), 0);
    assert_int_equal(sign_on(stranger, id, KEY_ECDSA_SHA256, tls_text()), 0);
    /* held twice: by another family as well */
    assert_int_equal(load(stranger, path_of("one.pem"), SLICE("")), 0);
    close(worker);
    assert_int_equal(sign_on(stranger, id, KEY_ECDSA_SHA256, tls_text()), 0);
    assert_int_equal(key_call_forget(stranger, id, &answer), 0);
    while (sign_on(stranger, id, KEY_ECDSA_SHA256, tls_text()) == 0)
        ; /* until the end of the worker's channel is seen */
    assert_int_equal(sign_on(stranger, id, KEY_ECDSA_SHA256, tls_text()), -ENOENT);
    assert_int_equal(key_call_forget(stranger, id, &answer), -ENOENT);
    close(stranger);
}

TEST(many_keys_are_found_again)
{
    static uint64_t ids[200];
    int channel = key_call_open(holder.channel, KEY_MAY_SIGN | KEY_MAY_LOAD | KEY_NEW_FAMILY);
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++)
        ids[i] = load_one(channel, "ED25519", KEY_FOR_TLS);
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i += 2)
        assert_int_equal(key_call_forget(channel, ids[i], &answer), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++)
        assert_int_equal(sign_on(channel, ids[i], KEY_ED25519_PURE, tls_text()),
                         i % 2 ? 0 : -ENOENT);
    close(channel);
}

/* --- Malformed packets, floods -----------------------------------------------------------------
 */

static ssize_t send_raw(int channel, const void *bytes, size_t count)
{
    return send(channel, bytes, count, MSG_NOSIGNAL);
}

TEST(a_malformed_packet_ends_its_channel)
{
    static char large[sizeof(struct key_head) + KEY_BODY_MAX + 1];
    struct key_head foreign = { .version = KEY_PROTOCOL_VERSION + 1, .verb = KEY_SIGN };
    struct key_head good = { .version = KEY_PROTOCOL_VERSION, .verb = KEY_LOAD };
    struct {
        const void *bytes;
        size_t count;
    } cases[] = { { "x", 1 },
                  { large, sizeof good - 1 },
                  { &foreign, sizeof foreign },
                  { large, sizeof large },
                  { &good, sizeof good } /* without a path */ };
    memcpy(large, &good, sizeof good);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int channel = key_call_open(holder.channel, KEY_MAY_ALL);
        assert_true(send_raw(channel, cases[i].bytes, cases[i].count) > 0);
        assert_true(has_ended(channel));
        close(channel);
    }
    (void)load_one(holder.channel, "P-256", KEY_FOR_TLS);
}

TEST(a_descriptor_that_nobody_asked_for_is_closed)
{
    int pipe_ends[2], channel = key_call_open(holder.channel, KEY_MAY_ALL);
    char byte;
    assert_int_equal(pipe(pipe_ends), 0);
    struct key_packet request = { .head = { .verb = KEY_FORGET, .number = 1, .key_id = 1 },
                                  .fd = pipe_ends[1] };
    assert_int_equal(key_packet_send(channel, &request), 0);
    close(pipe_ends[1]);
    assert_int_equal(read(pipe_ends[0], &byte, 1), 0); /* its end: nobody has it */
    close(pipe_ends[0]);
    close(channel);
}

/* Far more than a worker can need is answered, in its time; others are answered meanwhile. */
TEST(a_flood_is_answered_slowly_and_keeps_nobody_waiting)
{
    enum { FLOOD = 12000 };
    int flooding = key_call_open(holder.channel, KEY_MAY_SIGN), answered = 0, sent = 0;
    int other = key_call_open(holder.channel, KEY_MAY_SIGN);
    uint64_t id = load_one(holder.channel, "P-256", KEY_FOR_TLS);
    static char memory[KEY_BODY_MAX + 1];
    while (answered < FLOOD) {
        struct key_packet p = { .head = { .verb = KEY_SIGN, .key_id = 1 }, .fd = -1 };
        while (sent < FLOOD && sent - answered < 60 && key_packet_send(flooding, &p) == 0)
            sent++;
        if (answered % 1000 == 0)
            assert_int_equal(sign_on(other, id, KEY_ECDSA_SHA256, tls_text()), 0);
        int result = key_packet_receive(flooding, memory, &p);
        if (result == 0)
            answered++;
        else if (result == -EAGAIN)
            (void)poll(&(struct pollfd){ .fd = flooding, .events = POLLIN }, 1, 20000);
        else
            fail_msg("the channel ended after %d answers", answered);
    }
    close(flooding);
    close(other);
}

/* Who does not take his answers loses his channel; nobody waits for him. */
TEST(answers_that_are_not_taken_end_the_channel)
{
    int channel = key_call_open(holder.channel, KEY_MAY_SIGN);
    struct key_packet p = { .head = { .verb = KEY_SIGN, .key_id = 1 }, .fd = -1 };
    int result;
    for (;;) {
        result = key_packet_send(channel, &p);
        if (result == -EAGAIN)
            (void)poll(&(struct pollfd){ .fd = channel, .events = POLLOUT }, 1, 1000);
        else if (result != 0)
            break;
    }
    assert_int_equal(result, -EPIPE);
    (void)load_one(holder.channel, "P-256", KEY_FOR_TLS);
    close(channel);
}

TEST(it_ends_with_the_last_channel)
{
    struct keyholder own = start_keyholder();
    int worker = key_call_open(own.channel, KEY_MAY_SIGN | KEY_NEW_FAMILY);
    uint64_t id = load_one(own.channel, "P-256", KEY_FOR_TLS);
    assert_int_equal(sign_on(worker, id, KEY_ECDSA_SHA256, tls_text()), 0);
    close(own.channel);
    own.channel = -1;
    /* the first one's keys went with it, it itself is still there */
    int result;
    while ((result = sign_on(worker, id, KEY_ECDSA_SHA256, tls_text())) == 0)
        ;
    assert_int_equal(result, -ENOENT);
    close(worker);
    end_keyholder(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_the_id_of_its_public_half),
        cmocka_unit_test(every_pem_that_holds_a_key_is_read),
        cmocka_unit_test(what_is_no_file_with_a_key_is_refused_with_the_reason),
        cmocka_unit_test(encrypted_keys_are_refused_with_the_way_out),
        cmocka_unit_test(keys_of_other_kinds_and_sizes_are_refused_with_what_they_are),
        cmocka_unit_test(halves_that_do_not_belong_together_are_refused),
        cmocka_unit_test(a_certificate_may_write_the_point_of_its_key_in_the_short_way),
        cmocka_unit_test(a_key_of_another_certificate_is_refused),
        cmocka_unit_test(a_public_half_that_is_written_in_another_way_is_the_same_key),
        cmocka_unit_test(a_file_that_everybody_may_read_is_used_with_a_warning),
        cmocka_unit_test(a_path_is_found_from_the_asker_s_folder),
        cmocka_unit_test(new_keys_are_written_for_their_owner_alone),
        cmocka_unit_test(names_that_lead_elsewhere_are_none),
        cmocka_unit_test(a_long_making_keeps_nobody_waiting),
        cmocka_unit_test(a_channel_that_oversteps_its_rights_ends_and_no_other),
        cmocka_unit_test(rights_are_given_on_but_never_more_of_them),
        cmocka_unit_test(rights_that_were_given_away_do_not_come_back),
        cmocka_unit_test(a_worker_has_handshakes_signed_and_nothing_else),
        cmocka_unit_test(many_signatures_are_asked_for_at_once_and_fail_alone),
        cmocka_unit_test(one_bad_request_among_many_ends_the_channel),
        cmocka_unit_test(keys_go_with_the_last_channel_of_who_loaded_them),
        cmocka_unit_test(many_keys_are_found_again),
        cmocka_unit_test(a_malformed_packet_ends_its_channel),
        cmocka_unit_test(a_descriptor_that_nobody_asked_for_is_closed),
        cmocka_unit_test(a_flood_is_answered_slowly_and_keeps_nobody_waiting),
        cmocka_unit_test(answers_that_are_not_taken_end_the_channel),
        cmocka_unit_test(it_ends_with_the_last_channel),
    };
    void *none = NULL;
    if (make_folder(&none) != 0)
        return 1;
    holder = start_keyholder();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    end_keyholder(&holder);
    return remove_folder(&none) == 0 ? failed : 1;
}
