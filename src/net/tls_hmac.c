/* The hashes' own functions need no object; what OpenSSL 3 calls deprecated about them is that
 * they do not ask a provider. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "net/tls_hmac.h"

#if TLS_HAS_OWN_ALGORITHMS

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>

#include "base/attributes.h"
#include "net/tls_library.h"

/* --- Hashes ------------------------------------------------------------------------------------
 */

#define BLOCK_BYTES_MAX 128u

union state {
    SHA256_CTX sha256;
    SHA512_CTX sha384;
};

struct hmac_functions {
    void (*begin)(union state *s);
    void (*add)(union state *s, slice bytes);
    void (*end)(union state *s, uint8_t *to);
};

static void begin_sha256(union state *s)
{
    (void)SHA256_Init(&s->sha256);
}

static void add_sha256(union state *s, slice bytes)
{
    (void)SHA256_Update(&s->sha256, bytes.ptr, bytes.len);
}

static void end_sha256(union state *s, uint8_t *to)
{
    (void)SHA256_Final(to, &s->sha256);
}

static void begin_sha384(union state *s)
{
    (void)SHA384_Init(&s->sha384);
}

static void add_sha384(union state *s, slice bytes)
{
    (void)SHA384_Update(&s->sha384, bytes.ptr, bytes.len);
}

static void end_sha384(union state *s, uint8_t *to)
{
    (void)SHA384_Final(to, &s->sha384);
}

static const struct hmac_functions of_sha256 = { begin_sha256, add_sha256, end_sha256 };
static const struct hmac_functions of_sha384 = { begin_sha384, add_sha384, end_sha384 };

static const struct hmac_hash hashes[] = {
    { "SHA2-256", "SHA256", 32, 64, &of_sha256 },
    { "SHA2-384", "SHA384", 48, 128, &of_sha384 },
};

const struct hmac_hash *hmac_hash_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(hashes); i++)
        if (strcmp(name, hashes[i].name) == 0 || strcmp(name, hashes[i].other_name) == 0)
            return &hashes[i];
    return NULL;
}

void hmac_hash_of_nothing(const struct hmac_hash *hash, uint8_t *to)
{
    union state state;
    hash->functions->begin(&state);
    hash->functions->end(&state, to);
}

/* --- HMAC --------------------------------------------------------------------------------------
 */

/* The hash behind the key's block, flipped with one pad and with the other. */
struct keyed {
    union state inner, outer;
};

static void flip(uint8_t *pad, size_t count, uint8_t bits)
{
    for (size_t i = 0; i < count; i++)
        pad[i] ^= bits;
}

static void begin_keyed(const struct hmac_hash *hash, slice key, struct keyed *k)
{
    const struct hmac_functions *f = hash->functions;
    uint8_t block[BLOCK_BYTES_MAX] = { 0 };
    slice pad = slice_of((const char *)block, hash->block_bytes);
    if (key.len)
        memcpy(block, key.ptr, key.len);
    flip(block, pad.len, 0x36);
    f->begin(&k->inner);
    f->add(&k->inner, pad);
    flip(block, pad.len, 0x36 ^ 0x5c);
    f->begin(&k->outer);
    f->add(&k->outer, pad);
    OPENSSL_cleanse(block, sizeof block);
}

/* Uses both up. */
static void end_keyed(const struct hmac_hash *hash, struct keyed *k, uint8_t *to)
{
    hash->functions->end(&k->inner, to);
    hash->functions->add(&k->outer, slice_of((const char *)to, hash->bytes));
    hash->functions->end(&k->outer, to);
}

void hmac(const struct hmac_hash *hash, slice key, const slice *texts, size_t count, uint8_t *to)
{
    struct keyed k;
    begin_keyed(hash, key, &k);
    for (size_t i = 0; i < count; i++)
        hash->functions->add(&k.inner, texts[i]);
    end_keyed(hash, &k, to);
    OPENSSL_cleanse(&k, sizeof k);
}

/* --- The algorithm as OpenSSL asks for it (provider-mac(7)) ------------------------------------
 */

struct mac {
    const struct hmac_hash *hash; /* NULL: not chosen yet */
    bool has_key;
    struct keyed fresh, now; /* without any text, with what has been added */
};

static int refuse(int reason)
{
    ERR_raise(ERR_LIB_PROV, reason);
    return FAILED;
}

static void *mac_new(void *provider)
{
    return OPENSSL_zalloc(sizeof(struct mac));
}

static void *mac_copy(void *context)
{
    return OPENSSL_memdup(context, sizeof(struct mac));
}

static void mac_free(void *context)
{
    OPENSSL_clear_free(context, sizeof(struct mac));
}

static int take_hash(struct mac *m, const OSSL_PARAM *p)
{
    const char *name = NULL;
    if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
        return FAILED;
    m->hash = hmac_hash_find(name);
    m->has_key = false;
    return m->hash ? DONE : refuse(PROV_R_INVALID_DIGEST);
}

static int take_key(struct mac *m, slice key)
{
    uint8_t digest[HMAC_BYTES_MAX];
    if (!m->hash)
        return refuse(PROV_R_MISSING_MESSAGE_DIGEST);
    if (key.len > m->hash->block_bytes) {
        union state state;
        m->hash->functions->begin(&state);
        m->hash->functions->add(&state, key);
        m->hash->functions->end(&state, digest);
        OPENSSL_cleanse(&state, sizeof state);
        key = slice_of((const char *)digest, m->hash->bytes);
    }
    begin_keyed(m->hash, key, &m->fresh);
    OPENSSL_cleanse(digest, sizeof digest);
    m->now = m->fresh;
    m->has_key = true;
    return DONE;
}

static int mac_set(void *context, const OSSL_PARAM params[])
{
    struct mac *m = context;
    if (!params)
        return DONE;
    const OSSL_PARAM *digest = OSSL_PARAM_locate_const(params, OSSL_MAC_PARAM_DIGEST);
    const OSSL_PARAM *key = OSSL_PARAM_locate_const(params, OSSL_MAC_PARAM_KEY);
    const void *bytes = NULL;
    size_t length = 0;
    /* Records of CBC, whose length must not show in the time: TLS has none of them with us. */
    if (OSSL_PARAM_locate_const(params, OSSL_MAC_PARAM_TLS_DATA_SIZE))
        return refuse(PROV_R_NOT_SUPPORTED);
    if (digest && take_hash(m, digest) != DONE)
        return FAILED;
    if (!key)
        return DONE;
    if (OSSL_PARAM_get_octet_string_ptr(key, &bytes, &length) != 1)
        return FAILED;
    return take_key(m, slice_of(bytes, length));
}

static const OSSL_PARAM *mac_settable(void *context, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_PROPERTIES, NULL, 0), /* nothing is looked for */
        OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, NULL, 0),
        OSSL_PARAM_size_t(OSSL_MAC_PARAM_TLS_DATA_SIZE, NULL), OSSL_PARAM_END
    };
    return params;
}

static int mac_get(void *context, OSSL_PARAM params[])
{
    const struct mac *m = context;
    OSSL_PARAM *size = OSSL_PARAM_locate(params, OSSL_MAC_PARAM_SIZE);
    OSSL_PARAM *block = OSSL_PARAM_locate(params, OSSL_MAC_PARAM_BLOCK_SIZE);
    if (size && OSSL_PARAM_set_size_t(size, m->hash ? m->hash->bytes : 0) != 1)
        return FAILED;
    return !block || OSSL_PARAM_set_size_t(block, m->hash ? m->hash->block_bytes : 0) == 1;
}

static const OSSL_PARAM *mac_gettable(void *context, void *provider)
{
    static const OSSL_PARAM params[] = { OSSL_PARAM_size_t(OSSL_MAC_PARAM_SIZE, NULL),
                                         OSSL_PARAM_size_t(OSSL_MAC_PARAM_BLOCK_SIZE, NULL),
                                         OSSL_PARAM_END };
    return params;
}

/* With no key: once more with the one that is there. */
static int mac_init(void *context, const unsigned char *key, size_t length,
                    const OSSL_PARAM params[])
{
    struct mac *m = context;
    if (mac_set(m, params) != DONE)
        return FAILED;
    if (key)
        return take_key(m, slice_of((const char *)key, length));
    m->now = m->fresh;
    return DONE;
}

static int mac_update(void *context, const unsigned char *bytes, size_t length)
{
    struct mac *m = context;
    if (!m->has_key)
        return refuse(PROV_R_NO_KEY_SET);
    m->hash->functions->add(&m->now.inner, slice_of((const char *)bytes, length));
    return DONE;
}

static int mac_final(void *context, unsigned char *to, size_t *ret_length, size_t bytes_max)
{
    struct mac *m = context;
    if (!m->has_key)
        return refuse(PROV_R_NO_KEY_SET);
    if (bytes_max < m->hash->bytes)
        return refuse(PROV_R_OUTPUT_BUFFER_TOO_SMALL);
    end_keyed(m->hash, &m->now, to);
    *ret_length = m->hash->bytes;
    return DONE;
}

const OSSL_ALGORITHM *tls_hmac_algorithms(const char *definition)
{
    static const OSSL_DISPATCH functions[] = {
        { OSSL_FUNC_MAC_NEWCTX, FUNCTION(mac_new) },
        { OSSL_FUNC_MAC_DUPCTX, FUNCTION(mac_copy) },
        { OSSL_FUNC_MAC_FREECTX, FUNCTION(mac_free) },
        { OSSL_FUNC_MAC_INIT, FUNCTION(mac_init) },
        { OSSL_FUNC_MAC_UPDATE, FUNCTION(mac_update) },
        { OSSL_FUNC_MAC_FINAL, FUNCTION(mac_final) },
        { OSSL_FUNC_MAC_GET_CTX_PARAMS, FUNCTION(mac_get) },
        { OSSL_FUNC_MAC_GETTABLE_CTX_PARAMS, FUNCTION(mac_gettable) },
        { OSSL_FUNC_MAC_SET_CTX_PARAMS, FUNCTION(mac_set) },
        { OSSL_FUNC_MAC_SETTABLE_CTX_PARAMS, FUNCTION(mac_settable) },
        { 0, NULL },
    };
    static OSSL_ALGORITHM algorithms[2];
    algorithms[0] = (OSSL_ALGORITHM){ OSSL_MAC_NAME_HMAC, definition, functions, "HMAC" };
    return algorithms;
}

#endif
