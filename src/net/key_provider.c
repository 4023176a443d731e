#include "net/key_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <openssl/x509.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_library.h"

#define PARAMS_MAX 16

/* --- Keys (RFC 5958's public half, provider-keymgmt(7)) ----------------------------------------
 */

struct remote_key {
    _Atomic uint32_t references;
    uint64_t id;
    EVP_PKEY *public_half;   /* of the default context */
    EVP_PKEY *_Atomic equal; /* another object of the same half; NULL: none was met */
};

static void key_free(void *data)
{
    struct remote_key *key = data;
    if (!key || --key->references > 0)
        return;
    EVP_PKEY_free(key->public_half);
    EVP_PKEY_free(key->equal);
    free(key);
}

static void *key_new(void *provider)
{
    struct remote_key *key = calloc(1, sizeof *key);
    if (key)
        key->references = 1;
    return key;
}

static int key_has(const void *data, int selection)
{
    const struct remote_key *key = data;
    /* The private half is there for all who ask: it is only somewhere else. */
    return key && key->public_half != NULL;
}

/* The public half from its numbers. */
static int import_half(struct remote_key *key, const char *type, OSSL_PARAM *numbers)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    int result = context && EVP_PKEY_fromdata_init(context) == 1 &&
                 EVP_PKEY_fromdata(context, &key->public_half, EVP_PKEY_PUBLIC_KEY, numbers) == 1;
    EVP_PKEY_CTX_free(context);
    return result ? DONE : FAILED;
}

/* The key that is there already becomes the public half. */
static int take_half(struct remote_key *key, const OSSL_PARAM *p)
{
    const void *half = NULL;
    size_t bytes;
    if (OSSL_PARAM_get_octet_ptr(p, &half, &bytes) != 1 || !half ||
        EVP_PKEY_up_ref((EVP_PKEY *)(uintptr_t)half) != 1)
        return FAILED;
    key->public_half = (EVP_PKEY *)(uintptr_t)half;
    return DONE;
}

/* Of remote_key_around: an id and a public half that exists. Of the library, which compares a
 * certificate's key with one of ours: numbers alone; such a key has no id, and signs nothing. */
static int key_import(struct remote_key *key, const char *type, const OSSL_PARAM *params)
{
    OSSL_PARAM numbers[PARAMS_MAX];
    size_t count = 0;
    if (key->public_half)
        return FAILED;
    for (const OSSL_PARAM *p = params; p->key; p++) {
        int result = DONE;
        if (strcmp(p->key, KEY_PARAM_ID) == 0)
            result = OSSL_PARAM_get_uint64(p, &key->id);
        else if (strcmp(p->key, KEY_PARAM_HALF) == 0)
            result = take_half(key, p);
        else if (count + 1 < PARAMS_MAX)
            numbers[count++] = *p;
        else
            result = FAILED;
        if (result != DONE)
            return FAILED;
    }
    numbers[count] = OSSL_PARAM_construct_end();
    return key->public_half ? DONE : import_half(key, type, numbers);
}

static int rsa_import(void *data, int selection, const OSSL_PARAM *params)
{
    return key_import(data, "RSA", params);
}

static int ec_import(void *data, int selection, const OSSL_PARAM *params)
{
    return key_import(data, "EC", params);
}

static int ed25519_import(void *data, int selection, const OSSL_PARAM *params)
{
    return key_import(data, "ED25519", params);
}

static int key_export(void *data, int selection, OSSL_CALLBACK *take, void *argument)
{
    const struct remote_key *key = data;
    OSSL_PARAM *params = NULL;
    if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) /* nobody has it here */
        return FAILED;
    if (EVP_PKEY_todata(key->public_half, EVP_PKEY_PUBLIC_KEY, &params) != 1)
        return FAILED;
    int result = take(params, argument);
    OSSL_PARAM_free(params);
    return result;
}

static const OSSL_PARAM *rsa_types(int selection)
{
    static const OSSL_PARAM types[] = { OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
                                        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
                                        OSSL_PARAM_uint64(KEY_PARAM_ID, NULL), OSSL_PARAM_END };
    return types;
}

static const OSSL_PARAM *ec_types(int selection)
{
    static const OSSL_PARAM types[] = { OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                                        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                                        OSSL_PARAM_uint64(KEY_PARAM_ID, NULL), OSSL_PARAM_END };
    return types;
}

static const OSSL_PARAM *ed25519_types(int selection)
{
    static const OSSL_PARAM types[] = { OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                                        OSSL_PARAM_uint64(KEY_PARAM_ID, NULL), OSSL_PARAM_END };
    return types;
}

static bool is_known_equal(const struct remote_key *one, const struct remote_key *other)
{
    return other->public_half && one->equal == other->public_half;
}

/* The first that is equal, referred to, so that its address means it as long as it is there. Only
 * by a key of the keyholder: what the library makes of a certificate's key, to compare it, belongs
 * to that key, which must not be kept by what it has itself. */
static void remember_equal(struct remote_key *one, const struct remote_key *other)
{
    EVP_PKEY *half = other->public_half, *none = NULL;
    if (one->id != 0 && EVP_PKEY_up_ref(half) == 1 &&
        !atomic_compare_exchange_strong(&one->equal, &none, half))
        EVP_PKEY_free(half);
}

/* A handshake compares the same two, those of a certificate and of its key, each time. */
static int key_match(const void *a, const void *b, int selection)
{
    struct remote_key *one = (struct remote_key *)(uintptr_t)a,
                      *other = (struct remote_key *)(uintptr_t)b;
    if (is_known_equal(one, other) || is_known_equal(other, one))
        return DONE;
    if (EVP_PKEY_eq(one->public_half, other->public_half) != 1)
        return FAILED;
    remember_equal(one, other);
    remember_equal(other, one);
    return DONE;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    const struct remote_key *key = data;
    return key->public_half ? EVP_PKEY_get_params(key->public_half, params) : FAILED;
}

static const OSSL_PARAM *key_gettable_params(void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END
    };
    return params;
}

/* OpenSSL asks the default provider for the signature first, and would give it the key with its
 * private half, which key_export() refuses; then it asks this one. A name of our own would be
 * looked for in vain each time, which costs more than the refusal. */
#define RSA_SIGNATURE     "RSA"
#define ECDSA_SIGNATURE   "ECDSA"
#define ED25519_SIGNATURE "ED25519"

static const char *rsa_operation(int operation)
{
    return RSA_SIGNATURE;
}

static const char *ec_operation(int operation)
{
    return ECDSA_SIGNATURE;
}

static const char *ed25519_operation(int operation)
{
    return ED25519_SIGNATURE;
}

#define KEY_FUNCTIONS(import_key, types, operation)                                                \
    {                                                                                              \
        { OSSL_FUNC_KEYMGMT_NEW, FUNCTION(key_new) },                                              \
            { OSSL_FUNC_KEYMGMT_FREE, FUNCTION(key_free) },                                        \
            { OSSL_FUNC_KEYMGMT_HAS, FUNCTION(key_has) },                                          \
            { OSSL_FUNC_KEYMGMT_MATCH, FUNCTION(key_match) },                                      \
            { OSSL_FUNC_KEYMGMT_GET_PARAMS, FUNCTION(key_get_params) },                            \
            { OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FUNCTION(key_gettable_params) },                  \
            { OSSL_FUNC_KEYMGMT_IMPORT, FUNCTION(import_key) },                                    \
            { OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FUNCTION(types) },                                   \
            { OSSL_FUNC_KEYMGMT_EXPORT, FUNCTION(key_export) },                                    \
            { OSSL_FUNC_KEYMGMT_EXPORT_TYPES, FUNCTION(types) },                                   \
            { OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FUNCTION(operation) },                       \
        {                                                                                          \
            0, NULL                                                                                \
        }                                                                                          \
    }

static const OSSL_DISPATCH rsa_key[] = KEY_FUNCTIONS(rsa_import, rsa_types, rsa_operation);
static const OSSL_DISPATCH ec_key[] = KEY_FUNCTIONS(ec_import, ec_types, ec_operation);
static const OSSL_DISPATCH ed25519_key[] =
    KEY_FUNCTIONS(ed25519_import, ed25519_types, ed25519_operation);

/* --- Signatures (provider-signature(7)) --------------------------------------------------------
 */

enum digest { SHA_256, SHA_384, SHA_512, DIGESTS };
enum padding { PKCS1, PSS, PADDINGS };

/* DER of the AlgorithmIdentifier of X.509 (RFC 4055, RFC 5758, RFC 8410). */
struct method {
    enum key_scheme scheme;
    slice identifier; /* empty: X.509 does not use it here */
};

static const struct method rsa_methods[PADDINGS][DIGESTS] = {
    [PKCS1] = { { KEY_RSA_PKCS1_SHA256,
                  SLICE("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00") },
                { KEY_RSA_PKCS1_SHA384,
                  SLICE("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00") },
                { KEY_RSA_PKCS1_SHA512,
                  SLICE("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00") } },
    [PSS] = { { KEY_RSA_PSS_SHA256, { 0 } },
              { KEY_RSA_PSS_SHA384, { 0 } },
              { KEY_RSA_PSS_SHA512, { 0 } } },
};

static const struct method ec_methods[DIGESTS] = {
    { KEY_ECDSA_SHA256, SLICE("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02") },
    { KEY_ECDSA_SHA384, SLICE("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03") },
    { KEY_ECDSA_SHA512, SLICE("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04") },
};

static const struct method ed25519_method = { KEY_ED25519_PURE,
                                              SLICE("\x30\x05\x06\x03\x2b\x65\x70") };

enum family { FAMILY_RSA, FAMILY_EC, FAMILY_ED25519 };

struct signing {
    enum family family;
    struct remote_key *key;
    enum digest digest; /* not of Ed25519 */
    enum padding padding;
};

static const struct method *method_of(const struct signing *s)
{
    switch (s->family) {
    case FAMILY_RSA:
        return &rsa_methods[s->padding][s->digest];
    case FAMILY_EC:
        return &ec_methods[s->digest];
    case FAMILY_ED25519:
        return &ed25519_method;
    }
    return NULL;
}

static void *signing_new(enum family family)
{
    struct signing *s = calloc(1, sizeof *s);
    if (s)
        s->family = family;
    return s;
}

static void *rsa_new(void *provider, const char *query)
{
    return signing_new(FAMILY_RSA);
}

static void *ec_new(void *provider, const char *query)
{
    return signing_new(FAMILY_EC);
}

static void *ed25519_new(void *provider, const char *query)
{
    return signing_new(FAMILY_ED25519);
}

static void signing_free(void *data)
{
    struct signing *s = data;
    if (s)
        key_free(s->key);
    free(s);
}

static void *signing_duplicate(void *data)
{
    const struct signing *s = data;
    struct signing *copy = malloc(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *s;
    if (copy->key)
        copy->key->references++;
    return copy;
}

static const char *const digest_names[DIGESTS][2] = { { "SHA256", "SHA2-256" },
                                                      { "SHA384", "SHA2-384" },
                                                      { "SHA512", "SHA2-512" } };

static int find_digest(const char *name, enum digest *ret)
{
    for (int i = 0; i < DIGESTS; i++)
        for (int k = 0; k < 2; k++)
            if (slice_equal_fold(slice_from(name), slice_from(digest_names[i][k]))) {
                *ret = (enum digest)i;
                return DONE;
            }
    ERR_raise_data(ERR_LIB_PROV, PROV_R_INVALID_DIGEST, "%s", name);
    return FAILED;
}

/* By number or by name, as OpenSSL has it. */
static int set_padding(struct signing *s, const OSSL_PARAM *p)
{
    int number = 0;
    const char *name = NULL;
    bool is_pss, is_pkcs1;
    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
        if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
            return FAILED;
        is_pss = strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
        is_pkcs1 = strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0;
    } else {
        if (OSSL_PARAM_get_int(p, &number) != 1)
            return FAILED;
        is_pss = number == 6; /* RSA_PKCS1_PSS_PADDING */
        is_pkcs1 = number == 1;
    }
    if (!is_pss && !is_pkcs1) {
        ERR_raise(ERR_LIB_PROV, PROV_R_ILLEGAL_OR_UNSUPPORTED_PADDING_MODE);
        return FAILED;
    }
    s->padding = is_pss ? PSS : PKCS1;
    return DONE;
}

/* RFC 8446 §4.2.3: "The length of the Salt MUST be equal to the length of the output of the digest
 * algorithm." */
static int check_salt(const OSSL_PARAM *p)
{
    int number = 0;
    const char *name = NULL;
    bool fits = p->data_type == OSSL_PARAM_UTF8_STRING
                    ? OSSL_PARAM_get_utf8_string_ptr(p, &name) == 1 &&
                          strcmp(name, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0
                    : OSSL_PARAM_get_int(p, &number) == 1 && number == -1;
    if (!fits)
        ERR_raise(ERR_LIB_PROV, PROV_R_INVALID_SALT_LENGTH);
    return fits ? DONE : FAILED;
}

/* MGF1 goes with the digest of the signature. */
static int check_mask_digest(const struct signing *s, const OSSL_PARAM *p)
{
    const char *name = NULL;
    enum digest digest;
    if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1 || find_digest(name, &digest) != DONE)
        return FAILED;
    return digest == s->digest ? DONE : FAILED;
}

static int rsa_set_params(void *data, const OSSL_PARAM params[])
{
    struct signing *s = data;
    for (const OSSL_PARAM *p = params; p && p->key; p++) {
        int result = DONE;
        if (strcmp(p->key, OSSL_SIGNATURE_PARAM_PAD_MODE) == 0)
            result = set_padding(s, p);
        else if (strcmp(p->key, OSSL_SIGNATURE_PARAM_PSS_SALTLEN) == 0)
            result = check_salt(p);
        else if (strcmp(p->key, OSSL_SIGNATURE_PARAM_MGF1_DIGEST) == 0)
            result = check_mask_digest(s, p);
        if (result != DONE)
            return FAILED;
    }
    return DONE;
}

static const OSSL_PARAM *rsa_settable_params(void *data, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0), OSSL_PARAM_END
    };
    return params;
}

static int signing_get_params(void *data, OSSL_PARAM params[])
{
    const struct signing *s = data;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
    if (!p)
        return DONE;
    slice identifier = method_of(s)->identifier;
    return identifier.len ? OSSL_PARAM_set_octet_string(p, identifier.ptr, identifier.len) : FAILED;
}

static const OSSL_PARAM *signing_gettable_params(void *data, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0), OSSL_PARAM_END
    };
    return params;
}

static int signing_begin(void *data, const char *digest, void *key_data, const OSSL_PARAM params[])
{
    struct signing *s = data;
    struct remote_key *key = key_data;
    if (key && key != s->key) {
        key->references++;
        key_free(s->key);
        s->key = key;
    }
    if (!s->key || !s->key->id)
        return FAILED;
    if (s->family == FAMILY_ED25519) {
        if (!digest || !digest[0])
            return DONE;
        ERR_raise(ERR_LIB_PROV, PROV_R_INVALID_DIGEST);
        return FAILED;
    }
    if (find_digest(digest && digest[0] ? digest : "SHA256", &s->digest) != DONE)
        return FAILED;
    return s->family == FAMILY_RSA ? rsa_set_params(s, params) : DONE;
}

/* The only place of the program where a fiber gives way inside OpenSSL. */
static int signing_sign(void *data, unsigned char *to, size_t *bytes, size_t room,
                        const unsigned char *text, size_t length)
{
    const struct signing *s = data;
    struct key_signature signature;
    if (!to) {
        int size = EVP_PKEY_get_size(s->key->public_half);
        *bytes = size > 0 ? (size_t)size : 0;
        return size > 0 ? DONE : FAILED;
    }
    if (remote_key_sign(s->key->id, method_of(s)->scheme, slice_of((const char *)text, length),
                        &signature) != 0)
        return FAILED;
    if (signature.bytes > room) {
        ERR_raise(ERR_LIB_PROV, PROV_R_INVALID_SIGNATURE_SIZE);
        return FAILED;
    }
    memcpy(to, signature.memory, signature.bytes);
    *bytes = signature.bytes;
    return DONE;
}

#define SIGNING_FUNCTIONS(new_context, ...)                                                        \
    {                                                                                              \
        { OSSL_FUNC_SIGNATURE_NEWCTX, FUNCTION(new_context) },                                     \
            { OSSL_FUNC_SIGNATURE_FREECTX, FUNCTION(signing_free) },                               \
            { OSSL_FUNC_SIGNATURE_DUPCTX, FUNCTION(signing_duplicate) },                           \
            { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FUNCTION(signing_begin) },                     \
            { OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FUNCTION(signing_sign) },                           \
            { OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, FUNCTION(signing_get_params) },                  \
            { OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, FUNCTION(signing_gettable_params) },        \
            __VA_ARGS__                                                                            \
        {                                                                                          \
            0, NULL                                                                                \
        }                                                                                          \
    }
#define RSA_PARAMS                                                                                 \
    { OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, FUNCTION(rsa_set_params) },                              \
        { OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FUNCTION(rsa_settable_params) },

static const OSSL_DISPATCH rsa_signature[] = SIGNING_FUNCTIONS(rsa_new, RSA_PARAMS);
static const OSSL_DISPATCH ec_signature[] = SIGNING_FUNCTIONS(ec_new, );
static const OSSL_DISPATCH ed25519_signature[] = SIGNING_FUNCTIONS(ed25519_new, );

/* --- Encoding the public half, for certificates and their requests (provider-encoder(7)) --- */

static OSSL_FUNC_BIO_write_ex_fn *write_to_core; /* the library's, for what it hands in */

static void *encoder_new(void *provider)
{
    static int nothing;
    return &nothing;
}

static void encoder_free(void *encoder)
{
}

static int encoder_does(void *encoder, int selection)
{
    return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
}

static int encoder_encode(void *encoder, OSSL_CORE_BIO *to, const void *key_data,
                          const OSSL_PARAM abstract[], int selection,
                          OSSL_PASSPHRASE_CALLBACK *callback, void *argument)
{
    const struct remote_key *key = key_data;
    unsigned char *der = NULL;
    size_t written;
    int length = key && write_to_core ? i2d_PUBKEY(key->public_half, &der) : 0;
    int result = length > 0 && write_to_core(to, der, (size_t)length, &written) == 1 &&
                 written == (size_t)length;
    OPENSSL_free(der);
    return result;
}

static const OSSL_DISPATCH encoder[] = {
    { OSSL_FUNC_ENCODER_NEWCTX, FUNCTION(encoder_new) },
    { OSSL_FUNC_ENCODER_FREECTX, FUNCTION(encoder_free) },
    { OSSL_FUNC_ENCODER_DOES_SELECTION, FUNCTION(encoder_does) },
    { OSSL_FUNC_ENCODER_ENCODE, FUNCTION(encoder_encode) },
    { 0, NULL },
};

/* --- The provider ------------------------------------------------------------------------------
 */

#define PROPERTIES "provider=portcullis"
#define ENCODING   PROPERTIES ",output=der,structure=SubjectPublicKeyInfo"
#define RSA_NAMES  "RSA:rsaEncryption:1.2.840.113549.1.1.1"
#define EC_NAMES   "EC:id-ecPublicKey:1.2.840.10045.2.1"
#define ED_NAMES   "ED25519:1.3.101.112"

static const OSSL_ALGORITHM *query(void *provider, int operation, int *ret_no_cache)
{
    static const OSSL_ALGORITHM keys[] = {
        { RSA_NAMES, PROPERTIES, rsa_key, "RSA" },
        { EC_NAMES, PROPERTIES, ec_key, "P-256 and P-384" },
        { ED_NAMES, PROPERTIES, ed25519_key, "Ed25519" },
        { NULL, NULL, NULL, NULL },
    };
    static const OSSL_ALGORITHM signatures[] = {
        { RSA_SIGNATURE, PROPERTIES, rsa_signature, "RSA-PSS, PKCS #1" },
        { ECDSA_SIGNATURE, PROPERTIES, ec_signature, "ECDSA" },
        { ED25519_SIGNATURE, PROPERTIES, ed25519_signature, "Ed25519" },
        { NULL, NULL, NULL, NULL },
    };
    static const OSSL_ALGORITHM encoders[] = {
        { RSA_NAMES, ENCODING, encoder, "the public half" },
        { EC_NAMES, ENCODING, encoder, "the public half" },
        { ED_NAMES, ENCODING, encoder, "the public half" },
        { NULL, NULL, NULL, NULL },
    };
    *ret_no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return keys;
    case OSSL_OP_SIGNATURE:
        return signatures;
    case OSSL_OP_ENCODER:
        return encoders;
    default:
        return NULL;
    }
}

int key_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                      const OSSL_DISPATCH **ret_functions, void **ret_provider)
{
    static const OSSL_DISPATCH functions[] = {
        { OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(query) }, { 0, NULL }
    };
    for (; in->function_id != 0; in++)
        if (in->function_id == OSSL_FUNC_BIO_WRITE_EX)
            write_to_core = OSSL_FUNC_BIO_write_ex(in);
    *ret_functions = functions;
    *ret_provider = (void *)(uintptr_t)handle;
    return DONE;
}
