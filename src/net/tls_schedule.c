#include "net/tls_schedule.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/proverr.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <string.h>

#include "base/slice.h"
#include "net/tls_cipher.h"
#include "net/tls_exchange.h"
#include "net/tls_hmac.h"
#include "net/tls_library.h"

#if TLS_HAS_OWN_ALGORITHMS

#define PROVIDER   "schedule" /* short: the library hashes the query with all that it looks for */
#define DEFINITION "provider=" PROVIDER
#define QUERY      "?" DEFINITION /* preferred, not demanded */

/* --- HKDF (RFC 5869) with the labels of TLS 1.3 (RFC 8446 §7.1) --------------------------------
 */

struct question {
    const struct hmac_hash *hash;
    int mode;
    slice key, salt; /* ptr NULL: not given */
    slice prefix, label, data;
};

/* HKDF-Expand-Label(secret, label, data, length), of lengths that have been checked. */
static void expand(const struct question *q, slice secret, slice data, uint8_t *to, size_t length)
{
    const struct hmac_hash *h = q->hash;
    const char head[] = { (char)(length >> 8), (char)length, (char)(q->prefix.len + q->label.len) };
    const char data_length = (char)data.len;
    uint8_t block[HMAC_BYTES_MAX], number = 1;
    slice before = slice_of(NULL, 0);
    for (size_t done = 0; done < length; number++) {
        const slice text[] = { before,
                               slice_of(head, sizeof head),
                               q->prefix,
                               q->label,
                               slice_of(&data_length, 1),
                               data,
                               slice_of((const char *)&number, 1) };
        size_t part = length - done < h->bytes ? length - done : h->bytes;
        hmac(h, secret, text, sizeof text / sizeof *text, block);
        memcpy(to + done, block, part);
        before = slice_of((const char *)block, h->bytes);
        done += part;
    }
    OPENSSL_cleanse(block, sizeof block);
}

/* Derive-Secret(secret, "derived", ""), which is what comes between two secrets of the schedule. */
static void derive_salt(const struct question *q, slice secret, uint8_t *to)
{
    uint8_t of_nothing[HMAC_BYTES_MAX];
    hmac_hash_of_nothing(q->hash, of_nothing);
    expand(q, secret, slice_of((const char *)of_nothing, q->hash->bytes), to, q->hash->bytes);
}

/* The next secret of the schedule from the last one (salt) and a new input (key); what is not there
 * counts as zeros. */
static void extract(const struct question *q, uint8_t *to)
{
    static const char zeros[HMAC_BYTES_MAX];
    uint8_t derived[HMAC_BYTES_MAX];
    size_t bytes = q->hash->bytes;
    slice salt = slice_of(NULL, 0), key = q->key.ptr ? q->key : slice_of(zeros, bytes);
    if (q->salt.ptr) {
        derive_salt(q, q->salt, derived);
        salt = slice_of((const char *)derived, bytes);
    }
    hmac(q->hash, salt, &key, 1, to);
    OPENSSL_cleanse(derived, sizeof derived);
}

/* --- The algorithm as OpenSSL asks for it (provider-kdf(7)) ------------------------------------
 */

static int refuse(int reason)
{
    ERR_raise(ERR_LIB_PROV, reason);
    return FAILED;
}

static int find_hash(const OSSL_PARAM *p, struct question *q)
{
    const char *name = NULL;
    if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
        return FAILED;
    q->hash = hmac_hash_find(name);
    return q->hash ? DONE : refuse(PROV_R_INVALID_DIGEST);
}

/* By number or by name. */
static int find_mode(const OSSL_PARAM *p, struct question *q)
{
    const char *name = NULL;
    if (p->data_type != OSSL_PARAM_UTF8_STRING)
        return OSSL_PARAM_get_int(p, &q->mode);
    if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
        return FAILED;
    if (strcmp(name, "EXTRACT_ONLY") == 0)
        q->mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
    else if (strcmp(name, "EXPAND_ONLY") == 0)
        q->mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    return DONE;
}

/* One letter tells the names of RFC 8446 apart before they are compared. */
static slice *text_of(struct question *q, const char *name)
{
    switch (name[0]) {
    case 'k':
        return strcmp(name, OSSL_KDF_PARAM_KEY) == 0 ? &q->key : NULL;
    case 's':
        return strcmp(name, OSSL_KDF_PARAM_SALT) == 0 ? &q->salt : NULL;
    case 'p':
        return strcmp(name, OSSL_KDF_PARAM_PREFIX) == 0 ? &q->prefix : NULL;
    case 'l':
        return strcmp(name, OSSL_KDF_PARAM_LABEL) == 0 ? &q->label : NULL;
    case 'd':
        return strcmp(name, OSSL_KDF_PARAM_DATA) == 0 ? &q->data : NULL;
    default:
        return NULL;
    }
}

static int read_params(const OSSL_PARAM params[], struct question *q)
{
    for (const OSSL_PARAM *p = params; p && p->key; p++) {
        const void *bytes = NULL;
        size_t length = 0;
        int result = DONE;
        slice *text = text_of(q, p->key);
        if (text) {
            result = OSSL_PARAM_get_octet_string_ptr(p, &bytes, &length);
            *text = slice_of(bytes ? bytes : "", length);
        } else if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0) {
            result = find_hash(p, q);
        } else if (strcmp(p->key, OSSL_KDF_PARAM_MODE) == 0) {
            result = find_mode(p, q);
        }
        if (result != DONE)
            return FAILED;
    }
    return DONE;
}

/* All that the schedule asks is far below these bounds: those of RFC 5869, of the label's form, and
 * a key no longer than a block. */
static int derive(void *context, unsigned char *to, size_t length, const OSSL_PARAM params[])
{
    struct question q = { .mode = -1 };
    if (read_params(params, &q) != DONE)
        return FAILED;
    if (!q.hash)
        return refuse(PROV_R_MISSING_MESSAGE_DIGEST);
    if (q.prefix.len + q.label.len > UINT8_MAX || q.data.len > UINT8_MAX)
        return refuse(PROV_R_BAD_LENGTH);
    switch (q.mode) {
    case EVP_KDF_HKDF_MODE_EXTRACT_ONLY:
        if (length != q.hash->bytes || q.salt.len > q.hash->block_bytes)
            return refuse(PROV_R_BAD_LENGTH);
        extract(&q, to);
        return DONE;
    case EVP_KDF_HKDF_MODE_EXPAND_ONLY:
        if (!q.key.ptr)
            return refuse(PROV_R_MISSING_KEY);
        if (length == 0 || length > UINT8_MAX * q.hash->bytes || q.key.len > q.hash->block_bytes)
            return refuse(PROV_R_BAD_LENGTH);
        expand(&q, q.key, q.data, to, length);
        return DONE;
    default:
        return refuse(PROV_R_INVALID_MODE);
    }
}

/* Everything comes with the question: a context has nothing in it. */
static void *context_new(void *provider)
{
    static char context;
    return &context;
}

static void context_free(void *context)
{
}

/* --- The provider (provider-base(7)) -----------------------------------------------------------
 */

static const OSSL_ALGORITHM *ciphers, *macs;
static struct tls_exchange exchange;

static const OSSL_ALGORITHM *query(void *provider, int operation, int *ret_no_cache)
{
    static const OSSL_DISPATCH schedule[] = { { OSSL_FUNC_KDF_NEWCTX, FUNCTION(context_new) },
                                              { OSSL_FUNC_KDF_FREECTX, FUNCTION(context_free) },
                                              { OSSL_FUNC_KDF_DERIVE, FUNCTION(derive) },
                                              { 0, NULL } };
    static const OSSL_ALGORITHM derivations[] = {
        { OSSL_KDF_NAME_TLS1_3_KDF, DEFINITION, schedule, "the key schedule of TLS 1.3" },
        { NULL, NULL, NULL, NULL },
    };
    *ret_no_cache = 0;
    switch (operation) {
    case OSSL_OP_KDF:
        return derivations;
    case OSSL_OP_MAC:
        return macs;
    case OSSL_OP_CIPHER:
        return ciphers;
    case OSSL_OP_KEYMGMT:
        return exchange.keys;
    case OSSL_OP_KEYEXCH:
        return exchange.exchanges;
    default:
        return NULL;
    }
}

static int init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                const OSSL_DISPATCH **ret_functions, void **ret_provider)
{
    static const OSSL_DISPATCH functions[] = {
        { OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(query) },
        { OSSL_FUNC_PROVIDER_GET_CAPABILITIES, FUNCTION(tls_exchange_capabilities) },
        { 0, NULL },
    };
    *ret_functions = functions;
    *ret_provider = library_context();
    return DONE;
}

static OSSL_PROVIDER *provider; /* NULL: not loaded; else until the process ends */

/* The library's own algorithms are fetched first: they stay those of all who ask without a query.
 */
static OSSL_PROVIDER *load(void)
{
    EVP_KDF *own_kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, NULL);
    EVP_MAC *own_mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    macs = tls_hmac_algorithms(DEFINITION);
    ciphers = tls_cipher_algorithms(DEFINITION);
    exchange = tls_exchange_algorithms(DEFINITION);
    bool is_ready = own_kdf && own_mac && OSSL_PROVIDER_add_builtin(NULL, PROVIDER, init) == 1;
    EVP_KDF_free(own_kdf);
    EVP_MAC_free(own_mac);
    return is_ready ? OSSL_PROVIDER_try_load(NULL, PROVIDER, 1) : NULL;
}

const char *tls_schedule_query(void)
{
    static bool was_tried;
    if (!was_tried)
        provider = load();
    was_tried = true;
    return provider ? QUERY : NULL;
}

#else

const char *tls_schedule_query(void)
{
    return NULL;
}

#endif
