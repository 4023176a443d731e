#include "net/tls_cipher.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <string.h>

#include "base/slice.h"
#include "net/tls_library.h"

#define IV_BYTES 12u

static const char *const wanted[] = { "AES-128-GCM", "AES-256-GCM" };

/* The default provider's: the same for all lengths of keys. */
static OSSL_FUNC_cipher_get_ctx_params_fn *get_params;
static OSSL_FUNC_cipher_set_ctx_params_fn *set_params;

static bool is_iv_length(const OSSL_PARAM *p)
{
    return p && p->key && strcmp(p->key, OSSL_CIPHER_PARAM_IVLEN) == 0;
}

static int get(void *context, OSSL_PARAM params[])
{
    if (is_iv_length(params) && !params[1].key)
        return OSSL_PARAM_set_size_t(params, IV_BYTES);
    return get_params(context, params);
}

static int set(void *context, const OSSL_PARAM params[])
{
    for (const OSSL_PARAM *p = params; p && p->key; p++) {
        size_t length = 0;
        if (is_iv_length(p) && (OSSL_PARAM_get_size_t(p, &length) != 1 || length != IV_BYTES)) {
            ERR_raise(ERR_LIB_PROV, PROV_R_INVALID_IV_LENGTH);
            return FAILED;
        }
    }
    return set_params(context, params);
}

/* The library's own functions but for those two. False: they are not as expected. */
static bool adapt(const OSSL_DISPATCH *own, OSSL_DISPATCH *to)
{
    OSSL_FUNC_cipher_get_ctx_params_fn *own_get = NULL;
    OSSL_FUNC_cipher_set_ctx_params_fn *own_set = NULL;
    size_t count = 0;
    for (; own->function_id; own++) {
        if (count + 1 == FUNCTIONS_MAX)
            return false;
        to[count] = *own;
        if (own->function_id == OSSL_FUNC_CIPHER_GET_CTX_PARAMS) {
            own_get = OSSL_FUNC_cipher_get_ctx_params(own);
            to[count].function = FUNCTION(get);
        } else if (own->function_id == OSSL_FUNC_CIPHER_SET_CTX_PARAMS) {
            own_set = OSSL_FUNC_cipher_set_ctx_params(own);
            to[count].function = FUNCTION(set);
        }
        count++;
    }
    to[count] = (OSSL_DISPATCH){ 0, NULL };
    if (!own_get || !own_set || (get_params && get_params != own_get) ||
        (set_params && set_params != own_set))
        return false;
    get_params = own_get;
    set_params = own_set;
    return true;
}

const OSSL_ALGORITHM *tls_cipher_algorithms(const char *definition)
{
    static OSSL_ALGORITHM algorithms[ARRAY_LENGTH(wanted) + 1];
    static OSSL_DISPATCH functions[ARRAY_LENGTH(wanted)][FUNCTIONS_MAX];
    size_t count = 0;
    EVP_CIPHER *first = EVP_CIPHER_fetch(NULL, wanted[0], NULL);
    const OSSL_PROVIDER *found = first ? EVP_CIPHER_get0_provider(first) : NULL;
    EVP_CIPHER_free(first); /* what was fetched once the library keeps, and its provider with it */
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
        const OSSL_ALGORITHM *a = library_algorithm(found, OSSL_OP_CIPHER, wanted[i]);
        if (a && adapt(a->implementation, functions[count])) {
            algorithms[count] = *a;
            algorithms[count].property_definition = definition;
            algorithms[count].implementation = functions[count];
            count++;
        }
    }
    return algorithms;
}
