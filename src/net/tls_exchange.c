#include "net/tls_exchange.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/random.h"
#include "base/slice.h"
#include "net/tls_library.h"

#define NAME      "X25519"
#define KEY_BYTES crypto_scalarmult_curve25519_BYTES

static const OSSL_PROVIDER *library; /* NULL: it is not as expected */
static OSSL_FUNC_keymgmt_new_fn *key_new;
static OSSL_FUNC_keymgmt_free_fn *key_free;
static OSSL_FUNC_keymgmt_import_fn *key_import;

/* --- A new key (provider-keymgmt(7)) -----------------------------------------------------------
 */

struct generation {
    bool of_pair; /* else of an object that a peer's public half is put into */
};

static void *generation_begin(void *provider, int selection, const OSSL_PARAM params[])
{
    static struct generation pair = { true }, parameters = { false };
    return selection & OSSL_KEYMGMT_SELECT_KEYPAIR ? &pair : &parameters;
}

static void generation_end(void *generation)
{
}

static const OSSL_PARAM *generation_settable(void *generation, void *provider)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), OSSL_PARAM_END
    };
    return settable;
}

static int generation_set(void *generation, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
    if (!p || (p->data_type == OSSL_PARAM_UTF8_STRING && strcasecmp(p->data, NAME) == 0))
        return DONE;
    ERR_raise(ERR_LIB_PROV, ERR_R_PASSED_INVALID_ARGUMENT);
    return FAILED;
}

static int make_pair(void *key)
{
    uint8_t private[KEY_BYTES], public[KEY_BYTES];
    random_bytes(private, sizeof private);
    private[0] &= 248;
    private[31] = (uint8_t)((private[31] & 127) | 64);
    int result = FAILED;
    if (crypto_scalarmult_curve25519_base(public, private) == 0) {
        const OSSL_PARAM halves[] = {
            OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public, sizeof public),
            OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, private, sizeof private),
            OSSL_PARAM_END,
        };
        result = key_import(key, OSSL_KEYMGMT_SELECT_KEYPAIR, halves);
    }
    OPENSSL_cleanse(private, sizeof private);
    return result;
}

static void *generate(void *generation, OSSL_CALLBACK *progress, void *argument)
{
    const struct generation *g = generation;
    void *key = key_new(library_context());
    if (key && g->of_pair && make_pair(key) != DONE) {
        key_free(key);
        return NULL;
    }
    return key;
}

/* --- The algorithms ----------------------------------------------------------------------------
 */

/* The library's functions for keys that are there, and ours for new ones: none of the library's may
 * be given our generation. False: one that we need is not there. */
static bool adapt_keys(const OSSL_DISPATCH *own, OSSL_DISPATCH *to)
{
    static const OSSL_DISPATCH ours[] = {
        { OSSL_FUNC_KEYMGMT_GEN_INIT, FUNCTION(generation_begin) },
        { OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, FUNCTION(generation_set) },
        { OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, FUNCTION(generation_settable) },
        { OSSL_FUNC_KEYMGMT_GEN, FUNCTION(generate) },
        { OSSL_FUNC_KEYMGMT_GEN_CLEANUP, FUNCTION(generation_end) },
    };
    static const int theirs[] = {
        OSSL_FUNC_KEYMGMT_NEW,          OSSL_FUNC_KEYMGMT_FREE,
        OSSL_FUNC_KEYMGMT_GET_PARAMS,   OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS,
        OSSL_FUNC_KEYMGMT_SET_PARAMS,   OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS,
        OSSL_FUNC_KEYMGMT_HAS,          OSSL_FUNC_KEYMGMT_MATCH,
        OSSL_FUNC_KEYMGMT_VALIDATE,     OSSL_FUNC_KEYMGMT_IMPORT,
        OSSL_FUNC_KEYMGMT_IMPORT_TYPES, OSSL_FUNC_KEYMGMT_EXPORT,
        OSSL_FUNC_KEYMGMT_EXPORT_TYPES, OSSL_FUNC_KEYMGMT_DUP,
    };
    size_t count = 0;
    _Static_assert(ARRAY_LENGTH(ours) + ARRAY_LENGTH(theirs) < FUNCTIONS_MAX, "with the end");
    for (size_t i = 0; i < ARRAY_LENGTH(theirs); i++) {
        to[count] = (OSSL_DISPATCH){ theirs[i], library_function(own, theirs[i]) };
        if (!to[count++].function)
            return false;
    }
    memcpy(to + count, ours, sizeof ours);
    to[count + ARRAY_LENGTH(ours)] = (OSSL_DISPATCH){ 0, NULL };
    key_new = (OSSL_FUNC_keymgmt_new_fn *)library_function(to, OSSL_FUNC_KEYMGMT_NEW);
    key_free = (OSSL_FUNC_keymgmt_free_fn *)library_function(to, OSSL_FUNC_KEYMGMT_FREE);
    key_import = (OSSL_FUNC_keymgmt_import_fn *)library_function(to, OSSL_FUNC_KEYMGMT_IMPORT);
    return true;
}

struct hearer {
    OSSL_CALLBACK *callback;
    void *argument;
};

/* A group's algorithm is told among its parameters. */
static int pass_on(const OSSL_PARAM params[], void *argument)
{
    const struct hearer *h = argument;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_CAPABILITY_TLS_GROUP_ALG);
    bool is_ours = p && p->data_type == OSSL_PARAM_UTF8_STRING && strcmp(p->data, NAME) == 0;
    return is_ours ? h->callback(params, h->argument) : DONE;
}

int tls_exchange_capabilities(void *provider, const char *capability, OSSL_CALLBACK *callback,
                              void *argument)
{
    struct hearer hearer = { callback, argument };
    if (!library || strcmp(capability, "TLS-GROUP") != 0)
        return DONE;
    return OSSL_PROVIDER_get_capabilities(library, capability, pass_on, &hearer);
}

struct tls_exchange tls_exchange_algorithms(const char *definition)
{
    static OSSL_ALGORITHM keys[2], exchanges[2];
    static OSSL_DISPATCH functions[FUNCTIONS_MAX];
    /* What was fetched once the library keeps, for all who ask without a query. */
    EVP_KEYMGMT *first = EVP_KEYMGMT_fetch(NULL, NAME, NULL);
    EVP_KEYEXCH *first_exchange = EVP_KEYEXCH_fetch(NULL, NAME, NULL);
    const OSSL_PROVIDER *found = first ? EVP_KEYMGMT_get0_provider(first) : NULL;
    EVP_KEYMGMT_free(first);
    EVP_KEYEXCH_free(first_exchange);
    const OSSL_ALGORITHM *own_keys = library_algorithm(found, OSSL_OP_KEYMGMT, NAME);
    const OSSL_ALGORITHM *own_exchange = library_algorithm(found, OSSL_OP_KEYEXCH, NAME);
    if (!own_keys || !own_exchange || sodium_init() < 0 ||
        !adapt_keys(own_keys->implementation, functions))
        return (struct tls_exchange){ NULL, NULL };
    keys[0] = *own_keys;
    exchanges[0] = *own_exchange;
    keys[0].property_definition = exchanges[0].property_definition = definition;
    keys[0].implementation = functions;
    library = found;
    return (struct tls_exchange){ keys, exchanges };
}
