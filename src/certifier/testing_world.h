/* A world for unit tests: keys in memory or in files that are read here, a responder that is a
 * function of the test. */
#pragma once

#include "certifier/testing.h"

#define TESTING_KEYS_MAX 16

static struct testing_world {
    char folder[64];
    struct certifier_world world;
    int64_t now_s;
    struct {
        char name[256];
        EVP_PKEY *key;
    } keys[TESTING_KEYS_MAX];
    int key_count;
    int key_error;          /* why the keyholder makes none; 0: it does */
    uint32_t asked;         /* of the responder */
    char url[256];          /* that was asked */
    slice (*respond)(void); /* OPENSSL_free; len 0: it cannot be reached */
} testing;

static int testing_make_key(void *context, const char *name, enum key_kind kind, EVP_PKEY **ret,
                            char why[WORLD_WHY_MAX])
{
    if (testing.key_error) {
        (void)snprintf(why, WORLD_WHY_MAX, "the keyholder says no");
        return testing.key_error;
    }
    int i = 0;
    while (i < testing.key_count && strcmp(testing.keys[i].name, name) != 0)
        i++;
    if (i == testing.key_count) {
        assert_true(testing.key_count < TESTING_KEYS_MAX);
        (void)snprintf(testing.keys[i].name, sizeof testing.keys[i].name, "%s", name);
        testing.keys[testing.key_count++].key = EVP_EC_gen("P-256");
    }
    *ret = testing.keys[i].key;
    EVP_PKEY_up_ref(*ret);
    return 0;
}

static int testing_read(void *context, slice path, char **ret, size_t *ret_bytes,
                        char why[WORLD_WHY_MAX])
{
    char name[512];
    (void)snprintf(name, sizeof name, "%.*s", SLICE_ARGUMENTS(path));
    FILE *file = fopen(name, "r");
    if (!file) {
        (void)snprintf(why, WORLD_WHY_MAX, "%s", strerror(errno));
        return -ENOENT;
    }
    *ret = calloc(1, 65536);
    *ret_bytes = fread(*ret, 1, 65535, file);
    (void)fclose(file);
    return 0;
}

static int testing_load_key(void *context, slice path, slice spki, char why[WORLD_WHY_MAX])
{
    char *pem = NULL;
    size_t bytes;
    TRY(testing_read(context, path, &pem, &bytes, why));
    BIO *bio = BIO_new_mem_buf(pem, (int)bytes);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int length = key ? i2d_PUBKEY(key, &der) : 0;
    bool fits = length > 0 && slice_equal(slice_of((char *)der, (size_t)length), spki);
    (void)snprintf(why, WORLD_WHY_MAX, "%s",
                   key ? "it does not belong to the certificate" : "there is no key in it");
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    BIO_free(bio);
    free(pem);
    return fits ? 0 : -EINVAL;
}

static int testing_ask(void *context, const char *url, slice request, char **ret, size_t *ret_bytes,
                       char why[WORLD_WHY_MAX])
{
    (void)snprintf(testing.url, sizeof testing.url, "%s", url);
    testing.asked++;
    slice answer = testing.respond ? testing.respond() : (slice){ 0 };
    if (answer.len == 0) {
        (void)snprintf(why, WORLD_WHY_MAX, "connection refused");
        return -ECONNREFUSED;
    }
    *ret = malloc(answer.len);
    memcpy(*ret, answer.ptr, answer.len);
    *ret_bytes = answer.len;
    OPENSSL_free((void *)(uintptr_t)answer.ptr);
    return 0;
}

static int64_t testing_wall_s(void *context)
{
    return testing.now_s;
}

static inline int testing_world_open(void **state)
{
    char path[80];
    testing = (struct testing_world){ .now_s = TESTING_NOW_S };
    testing.world = (struct certifier_world){ .keys = SLICE("/keys"),
                                              .machine = SLICE("machine"),
                                              .make_key = testing_make_key,
                                              .load_key = testing_load_key,
                                              .read_certificates = testing_read,
                                              .ask_responder = testing_ask,
                                              .wall_s = testing_wall_s };
    testing_folder(testing.folder);
    (void)snprintf(path, sizeof path, "%s/certificates", testing.folder);
    return certificate_store_open(&testing.world.store, path, 0);
}

static inline int testing_world_close(void **state)
{
    for (int i = 0; i < testing.key_count; i++)
        EVP_PKEY_free(testing.keys[i].key);
    certificate_store_close(&testing.world.store);
    testing_remove(testing.folder);
    return 0;
}
