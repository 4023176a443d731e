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

#define PROVIDER    "portcullis-schedule"
#define DEFINITION  "provider=" PROVIDER
#define QUERY       "?" DEFINITION /* preferred, not demanded */
#define MAJOR_KNOWN 3u             /* what libssl of this version asks, and how, is known */

/* What OpenSSL's functions return. */
enum { FAILED = 0, DONE = 1 };

/* --- HMAC (RFC 2104) ---------------------------------------------------------------------------
 */

#define HASH_BYTES_MAX  48u
#define BLOCK_BYTES_MAX 128u

struct hash {
    const char *name, *other_name;
    size_t bytes, block_bytes;
    EVP_MD *algorithm;
    EVP_MD_CTX *context; /* taken for every hash anew */
    uint8_t of_nothing[HASH_BYTES_MAX];
};

static struct hash hashes[] = {
    { .name = "SHA2-256", .other_name = "SHA256", .bytes = 32, .block_bytes = 64 },
    { .name = "SHA2-384", .other_name = "SHA384", .bytes = 48, .block_bytes = 128 },
};

static bool hash(struct hash *h, const slice *parts, size_t count, uint8_t *to)
{
    bool is_good = EVP_DigestInit_ex2(h->context, h->algorithm, NULL) == 1;
    for (size_t i = 0; is_good && i < count; i++)
        is_good = EVP_DigestUpdate(h->context, parts[i].ptr, parts[i].len) == 1;
    return is_good && EVP_DigestFinal_ex(h->context, to, NULL) == 1;
}

/* The context must not keep what it computed last: that is a secret. */
static void forget(struct hash *h)
{
    (void)EVP_DigestInit_ex2(h->context, h->algorithm, NULL);
}

#define PARTS_MAX 8u /* of a text, at most */

/* `key` is not longer than a block. */
static bool hmac(struct hash *h, slice key, const slice *text, size_t count, uint8_t *to)
{
    uint8_t pad[BLOCK_BYTES_MAX] = { 0 };
    slice parts[PARTS_MAX + 1] = { slice_of((const char *)pad, h->block_bytes) };
    if (key.len)
        memcpy(pad, key.ptr, key.len);
    for (size_t i = 0; i < h->block_bytes; i++)
        pad[i] ^= 0x36;
    for (size_t i = 0; i < count; i++)
        parts[i + 1] = text[i];
    bool is_good = hash(h, parts, count + 1, to);
    for (size_t i = 0; i < h->block_bytes; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    parts[1] = slice_of((const char *)to, h->bytes);
    is_good = is_good && hash(h, parts, 2, to);
    OPENSSL_cleanse(pad, sizeof pad);
    return is_good;
}

/* --- HKDF (RFC 5869) with the labels of TLS 1.3 (RFC 8446 §7.1) --------------------------------
 */

struct question {
    struct hash *hash;
    int mode;
    slice key, salt; /* ptr NULL: not given */
    slice prefix, label, data;
};

/* HKDF-Expand-Label(secret, label, data, length): the secret, and what is asked for, have a length
 * that was checked. */
static bool expand(const struct question *q, slice secret, slice data, uint8_t *to, size_t length)
{
    uint8_t block[HASH_BYTES_MAX], number = 1;
    const char head[] = { (char)(length >> 8), (char)length, (char)(q->prefix.len + q->label.len) };
    const char data_length = (char)data.len;
    slice before = slice_of(NULL, 0);
    bool is_good = true;
    for (size_t done = 0; is_good && done < length; number++) {
        const slice text[PARTS_MAX] = { before,
                                        slice_of(head, sizeof head),
                                        q->prefix,
                                        q->label,
                                        slice_of(&data_length, 1),
                                        data,
                                        slice_of((const char *)&number, 1) };
        size_t part = length - done < q->hash->bytes ? length - done : q->hash->bytes;
        is_good = hmac(q->hash, secret, text, 7, block);
        memcpy(to + done, block, part);
        before = slice_of((const char *)block, q->hash->bytes);
        done += part;
    }
    OPENSSL_cleanse(block, sizeof block);
    return is_good;
}

/* The next secret of the schedule from the last one (salt) and a new input (key); what is not there
 * counts as zeros. */
static bool extract(const struct question *q, uint8_t *to)
{
    static const char zeros[HASH_BYTES_MAX];
    uint8_t derived[HASH_BYTES_MAX];
    struct hash *h = q->hash;
    slice salt = slice_of(NULL, 0), key = q->key.ptr ? q->key : slice_of(zeros, h->bytes);
    bool is_good = true;
    if (q->salt.ptr) {
        is_good =
            expand(q, q->salt, slice_of((const char *)h->of_nothing, h->bytes), derived, h->bytes);
        salt = slice_of((const char *)derived, h->bytes);
    }
    is_good = is_good && hmac(h, salt, &key, 1, to);
    OPENSSL_cleanse(derived, sizeof derived);
    return is_good;
}

/* --- The algorithm as OpenSSL asks for it (provider-kdf(7)) ------------------------------------
 */

static int find_hash(const OSSL_PARAM *p, struct question *q)
{
    const char *name = NULL;
    if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
        return FAILED;
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (strcmp(name, hashes[i].name) == 0 || strcmp(name, hashes[i].other_name) == 0)
            q->hash = &hashes[i];
    return q->hash ? DONE : FAILED;
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

static slice *text_of(struct question *q, const char *name)
{
    if (strcmp(name, OSSL_KDF_PARAM_KEY) == 0)
        return &q->key;
    if (strcmp(name, OSSL_KDF_PARAM_SALT) == 0)
        return &q->salt;
    if (strcmp(name, OSSL_KDF_PARAM_PREFIX) == 0)
        return &q->prefix;
    if (strcmp(name, OSSL_KDF_PARAM_LABEL) == 0)
        return &q->label;
    if (strcmp(name, OSSL_KDF_PARAM_DATA) == 0)
        return &q->data;
    return NULL;
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

static int refuse(int reason)
{
    ERR_raise(ERR_LIB_PROV, reason);
    return FAILED;
}

/* All that the schedule asks is far below these bounds; they are those of RFC 5869 and of the
 * label's form, and a key no longer than a block. */
static int derive(void *context, unsigned char *to, size_t length, const OSSL_PARAM params[])
{
    struct question q = { .mode = -1 };
    if (read_params(params, &q) != DONE || !q.hash)
        return refuse(PROV_R_MISSING_MESSAGE_DIGEST);
    struct hash *h = q.hash;
    if (q.prefix.len + q.label.len > UINT8_MAX || q.data.len > UINT8_MAX)
        return refuse(PROV_R_BAD_LENGTH);
    bool is_good;
    switch (q.mode) {
    case EVP_KDF_HKDF_MODE_EXTRACT_ONLY:
        if (length != h->bytes || q.salt.len > h->block_bytes)
            return refuse(PROV_R_BAD_LENGTH);
        is_good = extract(&q, to);
        break;
    case EVP_KDF_HKDF_MODE_EXPAND_ONLY:
        if (!q.key.ptr)
            return refuse(PROV_R_MISSING_KEY);
        if (length == 0 || length > UINT8_MAX * h->bytes || q.key.len > h->block_bytes)
            return refuse(PROV_R_BAD_LENGTH);
        is_good = expand(&q, q.key, q.data, to, length);
        break;
    default:
        return refuse(PROV_R_INVALID_MODE);
    }
    forget(h);
    return is_good ? DONE : FAILED;
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

#define FUNCTION(f) ((void (*)(void))(f))

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
    return operation == OSSL_OP_KDF ? derivations : NULL;
}

static bool open_hashes(void)
{
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        struct hash *h = &hashes[i];
        h->algorithm = EVP_MD_fetch(NULL, h->name, NULL);
        h->context = EVP_MD_CTX_new();
        if (!h->algorithm || !h->context || !hash(h, NULL, 0, h->of_nothing))
            return false;
    }
    return true;
}

static void close_hashes(void)
{
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        EVP_MD_CTX_free(hashes[i].context);
        EVP_MD_free(hashes[i].algorithm);
        hashes[i].context = NULL;
        hashes[i].algorithm = NULL;
    }
}

static int init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                const OSSL_DISPATCH **ret_functions, void **ret_provider)
{
    static const OSSL_DISPATCH functions[] = {
        { OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(query) }, { 0, NULL }
    };
    *ret_functions = functions;
    *ret_provider = (void *)(uintptr_t)handle;
    return DONE;
}

/* The library's own algorithm first: it stays the one of all who ask without a query. */
static bool load(void)
{
    static OSSL_PROVIDER *provider; /* stays loaded until the process ends */
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, NULL);
    EVP_KDF_free(kdf);
    if (!kdf || !open_hashes() || OSSL_PROVIDER_add_builtin(NULL, PROVIDER, init) != 1)
        return false;
    provider = OSSL_PROVIDER_try_load(NULL, PROVIDER, 1);
    if (!provider)
        return false;
    kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, QUERY);
    EVP_KDF_free(kdf);
    return kdf != NULL;
}

const char *tls_schedule_query(void)
{
    static bool was_tried, is_loaded;
    if (!was_tried) {
        was_tried = true;
        is_loaded = OPENSSL_version_major() == MAJOR_KNOWN && load();
        if (!is_loaded)
            close_hashes();
    }
    return is_loaded ? QUERY : NULL;
}
