/* For the unit tests of this folder: certificates made on the spot, and a world of memory. */
#pragma once

#include <errno.h>
#include <ftw.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"
#include "certifier/world.h"

#define TESTING_NOW_S 1800000000ll /* 2027-01-15 */

struct testing_certificate {
    const char *name; /* common name and DNS name */
    EVP_PKEY *key;
    X509 *issuer; /* NULL: self-signed */
    EVP_PKEY *issuer_key;
    int64_t from_s, until_s;
    const char *extensions[4][2]; /* name, value */
};

static inline void testing_extend(X509 *x, X509 *issuer, const char *name, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, OBJ_txt2nid(name), value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static inline X509 *testing_make(const struct testing_certificate *t)
{
    static long serial = 1000;
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), serial++), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)t->name, -1, -1, 0),
                     1);
    X509_set_issuer_name(x, t->issuer ? X509_get_subject_name(t->issuer) : name);
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(t->from_s ? t->from_s : TESTING_NOW_S - 3600));
    ASN1_TIME_set(X509_getm_notAfter(x),
                  (time_t)(t->until_s ? t->until_s : TESTING_NOW_S + 90 * 86400));
    X509_set_pubkey(x, t->key);
    for (size_t i = 0; i < ARRAY_LENGTH(t->extensions) && t->extensions[i][0]; i++)
        testing_extend(x, t->issuer ? t->issuer : x, t->extensions[i][0], t->extensions[i][1]);
    assert_true(X509_sign(x, t->issuer ? t->issuer_key : t->key, EVP_sha256()) > 0);
    return x;
}

/* A root that may issue. */
static inline X509 *testing_root(EVP_PKEY *key)
{
    return testing_make(&(struct testing_certificate){
        .name = "Test Root",
        .key = key,
        .extensions = { { "basicConstraints", "critical,CA:TRUE" } } });
}

static inline char *testing_pem(X509 *leaf, X509 *issuer)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    assert_int_equal(PEM_write_bio_X509(bio, leaf), 1);
    if (issuer)
        assert_int_equal(PEM_write_bio_X509(bio, issuer), 1);
    long length = BIO_get_mem_data(bio, &text);
    char *copy = calloc(1, (size_t)length + 1);
    memcpy(copy, text, (size_t)length);
    BIO_free(bio);
    return copy;
}

static inline void testing_write(const char *folder, const char *name, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline int testing_remove_one(const char *path, const struct stat *status, int kind,
                                     struct FTW *where)
{
    return remove(path);
}

/* An empty folder. */
static inline void testing_folder(char path[64])
{
    (void)snprintf(path, 64, "/tmp/certifier-XXXXXX");
    assert_non_null(mkdtemp(path));
}

/* With all that is in it. */
static inline void testing_remove(const char *path)
{
    assert_int_equal(nftw(path, testing_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
