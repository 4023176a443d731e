#include "net/remote_key.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/panic.h"
#include "net/key_provider.h"

static OSSL_LIB_CTX *keys; /* the provider, and nothing else, is in it */
static OSSL_PROVIDER *provider;
static remote_signer *sign;

/* --- Why there is no signature: OpenSSL's errors of a library of our own -----------------------
 */

static int error_library;

static const struct {
    int code, reason;
    const char *text;
} failures[] = {
    { ENOENT, 1, "the keyholder does not have this key" },
    { ETIMEDOUT, 2, "the keyholder has not answered in time" },
    { ECANCELED, 3, "the connection is being closed" },
    { EPIPE, 4, "the keyholder is not running" },
    { EACCES, 5, "the keyholder refuses to sign this" },
    { EBUSY, 6, "the keyholder has too much to do" },
    { EOPNOTSUPP, 7, "this process does not sign" },
    { 0, 8, "the keyholder could not sign" },
};

static void open_errors(void)
{
    static ERR_STRING_DATA strings[ARRAY_LENGTH(failures) + 1];
    if (error_library)
        return;
    error_library = ERR_get_next_error_library();
    for (size_t i = 0; i < ARRAY_LENGTH(failures); i++)
        strings[i] = (ERR_STRING_DATA){ .error = ERR_PACK(0, 0, failures[i].reason),
                                        .string = failures[i].text };
    ERR_load_strings(error_library, strings);
}

static void raise(int result)
{
    size_t i = 0;
    while (failures[i].code && failures[i].code != -result)
        i++;
    ERR_raise(error_library, failures[i].reason);
}

/* --- Signing -----------------------------------------------------------------------------------
 */

void remote_key_sign_by(remote_signer *signer)
{
    sign = signer;
}

int remote_key_sign(uint64_t key_id, enum key_scheme scheme, slice text, struct key_signature *ret)
{
    ERR_clear_error(); /* the queue is of the whole thread: others run now */
    int result = sign ? sign(key_id, scheme, text, ret) : -EOPNOTSUPP;
    ERR_clear_error();
    if (result != 0)
        raise(result);
    return result;
}

/* --- The provider ------------------------------------------------------------------------------
 */

int remote_key_open(void)
{
    if (provider)
        return 0;
    ERR_clear_error();
    open_errors();
    keys = OSSL_LIB_CTX_new();
    if (keys && OSSL_PROVIDER_add_builtin(keys, "portcullis", key_provider_init) == 1)
        provider = OSSL_PROVIDER_load(keys, "portcullis");
    ERR_clear_error();
    if (provider)
        return 0;
    OSSL_LIB_CTX_free(keys);
    keys = NULL;
    return -ENOMEM;
}

void remote_key_close(void)
{
    if (!provider)
        return;
    (void)OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(keys);
    provider = NULL;
    keys = NULL;
}

/* --- Keys --------------------------------------------------------------------------------------
 */

static const char *type_of(const EVP_PKEY *key)
{
    static const char *const types[] = { "EC", "RSA", "ED25519" };
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        if (EVP_PKEY_is_a(key, types[i]))
            return types[i];
    return NULL;
}

EVP_PKEY *remote_key_around(uint64_t key_id, EVP_PKEY *public_half)
{
    void *half = public_half;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_uint64(KEY_PARAM_ID, &key_id),
        OSSL_PARAM_construct_octet_ptr(KEY_PARAM_HALF, &half, sizeof half),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    ASSERT(provider);
    ERR_clear_error();
    const char *type = key_id ? type_of(public_half) : NULL;
    EVP_PKEY_CTX *context = type ? EVP_PKEY_CTX_new_from_name(keys, type, NULL) : NULL;
    if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return key;
}

EVP_PKEY *remote_key_make(uint64_t key_id, slice spki)
{
    const unsigned char *at = (const unsigned char *)spki.ptr;
    EVP_PKEY *key = NULL;
    ERR_clear_error();
    EVP_PKEY *public_half = d2i_PUBKEY(NULL, &at, (long)spki.len);
    if (public_half && (size_t)(at - (const unsigned char *)spki.ptr) == spki.len)
        key = remote_key_around(key_id, public_half);
    EVP_PKEY_free(public_half);
    ERR_clear_error();
    return key;
}
