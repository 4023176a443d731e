#include "control/key_store.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64u

static struct held_key **buckets;
static uint32_t bucket_count, key_count;

/* --- The table: ids are digests, whose bits are as good as random ------------------------------
 */

static struct held_key **place_of(uint64_t id)
{
    struct held_key **place = &buckets[id & (bucket_count - 1)];
    while (*place && (*place)->id != id)
        place = &(*place)->next;
    return place;
}

static int grow(void)
{
    uint32_t old_count = bucket_count;
    struct held_key **old = buckets;
    uint32_t count = old_count ? old_count * 2 : BUCKETS_MIN;
    struct held_key **larger = calloc(count, sizeof *larger);
    if (!larger)
        return -ENOMEM;
    buckets = larger;
    bucket_count = count;
    for (uint32_t i = 0; i < old_count; i++)
        while (old[i]) {
            struct held_key *k = old[i];
            old[i] = k->next;
            k->next = NULL;
            *place_of(k->id) = k;
        }
    free(old);
    return 0;
}

static struct held_key *find(uint64_t id)
{
    return bucket_count ? *place_of(id) : NULL;
}

const struct held_key *key_store_find(uint64_t id)
{
    return find(id);
}

uint32_t key_store_count(void)
{
    return key_count;
}

static void free_key(struct held_key *k)
{
    EVP_PKEY_free(k->key); /* OpenSSL clears the private parts */
    OPENSSL_free(k->spki);
    free(k);
}

static void release(uint64_t id)
{
    struct held_key **place = place_of(id), *k = *place;
    if (!k || --k->holds > 0)
        return;
    *place = k->next;
    key_count--;
    free_key(k);
}

/* --- Families ----------------------------------------------------------------------------------
 */

struct key_family *key_family_make(void)
{
    struct key_family *f = calloc(1, sizeof *f);
    if (f)
        f->channels = 1;
    return f;
}

void key_family_join(struct key_family *f)
{
    f->channels++;
}

void key_family_leave(struct key_family *f)
{
    if (--f->channels > 0)
        return;
    for (uint32_t i = 0; i < f->count; i++)
        release(f->ids[i]);
    free(f->ids);
    free(f);
}

static int hold(struct key_family *f, struct held_key *k)
{
    for (uint32_t i = 0; k->holds > 0 && i < f->count; i++)
        if (f->ids[i] == k->id)
            return 0;
    if (f->count >= KEYS_MAX)
        return -ENOSPC;
    if (f->count == f->capacity) {
        uint32_t capacity = f->capacity ? f->capacity * 2 : 16;
        uint64_t *ids = realloc(f->ids, capacity * sizeof *ids);
        if (!ids)
            return -ENOMEM;
        f->ids = ids;
        f->capacity = capacity;
    }
    f->ids[f->count++] = k->id;
    k->holds++;
    return 0;
}

int key_store_forget(struct key_family *f, uint64_t id)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->ids[i] != id)
            continue;
        f->ids[i] = f->ids[--f->count];
        release(id);
        return 0;
    }
    return -ENOENT;
}

/* --- Putting -----------------------------------------------------------------------------------
 */

static int write_spki(struct held_key *k, const struct key_to_hold *what)
{
    if (what->spki.len == 0)
        return i2d_PUBKEY(what->key, &k->spki);
    k->spki = OPENSSL_memdup(what->spki.ptr, what->spki.len);
    return k->spki ? (int)what->spki.len : 0;
}

static struct held_key *make(const struct key_to_hold *what)
{
    struct held_key *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    ERR_clear_error();
    int bytes = write_spki(k, what);
    ERR_clear_error();
    if (bytes <= 0) {
        free(k);
        return NULL;
    }
    k->key = what->key;
    k->spki_bytes = (uint32_t)bytes;
    k->id = key_id_of(slice_of((const char *)k->spki, k->spki_bytes));
    return k;
}

/* The one of this id that is there, or `made` put there. */
static int settle(struct held_key *made, struct held_key **ret)
{
    struct held_key *there = find(made->id);
    if (there) {
        bool is_same = there->spki_bytes == made->spki_bytes &&
                       memcmp(there->spki, made->spki, made->spki_bytes) == 0;
        free_key(made);
        *ret = there;
        return is_same ? 0 : -EEXIST; /* two keys whose digests begin alike */
    }
    if (key_count >= bucket_count && grow() != 0) {
        free_key(made);
        return -ENOMEM;
    }
    *place_of(made->id) = made;
    key_count++;
    *ret = made;
    return 0;
}

int key_store_put(struct key_family *f, const struct key_to_hold *what, const struct held_key **ret)
{
    struct held_key *k = make(what);
    if (!k) {
        EVP_PKEY_free(what->key);
        return -ENOMEM;
    }
    TRY(settle(k, &k));
    int result = hold(f, k);
    if (result != 0) {
        if (k->holds == 0) {
            k->holds = 1;
            release(k->id);
        }
        return result;
    }
    k->is_for_tls |= what->is_for_tls;
    *ret = k;
    return 0;
}

/* --- Signing -----------------------------------------------------------------------------------
 */

struct recipe {
    enum key_scheme scheme;
    const char *type, *digest;
    int padding; /* of RSA */
};

static const struct recipe *recipe_of(const struct held_key *k, enum key_scheme scheme)
{
    static const struct recipe recipes[] = {
        { KEY_ECDSA_SHA256, "EC", "SHA256", 0 },
        { KEY_ECDSA_SHA384, "EC", "SHA384", 0 },
        { KEY_ECDSA_SHA512, "EC", "SHA512", 0 },
        { KEY_RSA_PSS_SHA256, "RSA", "SHA256", RSA_PKCS1_PSS_PADDING },
        { KEY_RSA_PSS_SHA384, "RSA", "SHA384", RSA_PKCS1_PSS_PADDING },
        { KEY_RSA_PSS_SHA512, "RSA", "SHA512", RSA_PKCS1_PSS_PADDING },
        { KEY_RSA_PKCS1_SHA256, "RSA", "SHA256", RSA_PKCS1_PADDING },
        { KEY_RSA_PKCS1_SHA384, "RSA", "SHA384", RSA_PKCS1_PADDING },
        { KEY_RSA_PKCS1_SHA512, "RSA", "SHA512", RSA_PKCS1_PADDING },
        { KEY_ED25519_PURE, "ED25519", NULL, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(recipes); i++)
        if (recipes[i].scheme == scheme)
            return EVP_PKEY_is_a(k->key, recipes[i].type) ? &recipes[i] : NULL;
    return NULL;
}

static bool set_padding(EVP_PKEY_CTX *context, int padding)
{
    if (padding == 0)
        return true;
    if (EVP_PKEY_CTX_set_rsa_padding(context, padding) != 1)
        return false;
    return padding != RSA_PKCS1_PSS_PADDING ||
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

int key_store_sign(const struct held_key *k, enum key_scheme scheme, slice text,
                   struct key_signature *ret)
{
    const struct recipe *recipe = recipe_of(k, scheme);
    EVP_PKEY_CTX *parameters = NULL;
    size_t bytes = sizeof ret->memory;
    if (!recipe)
        return -EACCES;
    ERR_clear_error();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done =
        context &&
        EVP_DigestSignInit_ex(context, &parameters, recipe->digest, NULL, NULL, k->key, NULL) ==
            1 &&
        set_padding(parameters, recipe->padding) &&
        EVP_DigestSign(context, ret->memory, &bytes, (const uint8_t *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    ret->bytes = done ? (uint32_t)bytes : 0;
    return done ? 0 : -EIO;
}
