#include "net/certificate.h"

#include <errno.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "net/pkcs12.h"

#define CHAIN_MAX 16
#define PEM_MAX   (1u << 20)

/* RFC 7633 §6: the TLS extension status_request. */
#define FEATURE_STATUS_REQUEST 5

static int64_t seconds_of(const ASN1_TIME *t)
{
    struct tm parts;
    if (!t || ASN1_TIME_to_tm(t, &parts) != 1)
        return 0;
    return (int64_t)timegm(&parts);
}

static bool wants_staple(const X509 *leaf)
{
    TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, NULL, NULL);
    bool found = false;
    for (int i = 0; features && i < sk_ASN1_INTEGER_num(features); i++)
        found |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == FEATURE_STATUS_REQUEST;
    TLS_FEATURE_free(features);
    return found;
}

static int kind_of(const EVP_PKEY *key, enum key_kind *ret)
{
    if (EVP_PKEY_is_a(key, "EC"))
        *ret = KEY_EC;
    else if (EVP_PKEY_is_a(key, "ED25519"))
        *ret = KEY_ED25519;
    else if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
        *ret = KEY_RSA;
    else
        return -EINVAL;
    return 0;
}

static void free_chain(STACK_OF(X509) * chain)
{
    sk_X509_pop_free(chain, X509_free);
}

int certificate_make(X509 *leaf, STACK_OF(X509) * chain, EVP_PKEY *key, struct certificate **ret,
                     const char **ret_why)
{
    struct certificate *c = calloc(1, sizeof *c);
    EVP_PKEY *public_key = X509_get0_pubkey(leaf);
    int result = c ? 0 : -ENOMEM;
    ERR_clear_error();
    if (c && (!public_key || kind_of(public_key, &c->kind) != 0)) {
        *ret_why = "its key is neither ECDSA, RSA nor Ed25519";
        result = -EINVAL;
    } else if (c && key && EVP_PKEY_eq(public_key, key) != 1) {
        *ret_why = "the key does not belong to the certificate";
        result = -EINVAL;
    }
    ERR_clear_error();
    if (result != 0) {
        free(c);
        X509_free(leaf);
        free_chain(chain);
        EVP_PKEY_free(key);
        return result;
    }
    c->references = 1;
    c->leaf = leaf;
    c->chain = chain;
    c->key = key;
    if (!key) {
        EVP_PKEY_up_ref(public_key);
        c->key = public_key;
    }
    c->must_staple = wants_staple(leaf);
    c->not_before_s = seconds_of(X509_get0_notBefore(leaf));
    c->not_after_s = seconds_of(X509_get0_notAfter(leaf));
    *ret = c;
    return 0;
}

static const char *why_none(slice text)
{
    if (pkcs12_begins(text))
        return "it is PKCS#12; PEM is expected (openssl pkcs12 -in FILE -nokeys -out NEW)";
    if (text.len && text.ptr[0] == 0x30)
        return "it is in DER; PEM is expected (openssl x509 -inform der -in FILE -out NEW)";
    return "there is no certificate in it (BEGIN CERTIFICATE)";
}

/* All certificates of the file; what else stands in it is passed over. */
static int read_chain(BIO *bio, slice pem, X509 **ret_leaf, STACK_OF(X509) * chain,
                      const char **ret_why)
{
    X509 *x;
    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (!*ret_leaf) {
            *ret_leaf = x;
            continue;
        }
        if (sk_X509_num(chain) == CHAIN_MAX || sk_X509_push(chain, x) == 0) {
            X509_free(x);
            *ret_why = "there are more than 16 certificates behind the first";
            return -EINVAL;
        }
    }
    unsigned long error = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (*ret_leaf && at_end)
        return 0;
    *ret_why = at_end ? why_none(pem) : "a certificate in it is malformed";
    return -EINVAL;
}

int certificate_from_pem(slice pem, EVP_PKEY *key, struct certificate **ret, const char **ret_why)
{
    if (pem.len > PEM_MAX) {
        *ret_why = "it is larger than 1 MiB";
        return -EINVAL;
    }
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *leaf = NULL;
    ERR_clear_error();
    int result = bio && chain ? read_chain(bio, pem, &leaf, chain, ret_why) : -ENOMEM;
    BIO_free(bio);
    if (result != 0) {
        X509_free(leaf);
        free_chain(chain);
        return result;
    }
    if (key)
        EVP_PKEY_up_ref(key);
    return certificate_make(leaf, chain, key, ret, ret_why);
}

void certificate_take_key(struct certificate *c, EVP_PKEY *key)
{
    EVP_PKEY_free(c->key);
    c->key = key;
}

int certificate_staple(struct certificate *c, slice ocsp_der)
{
    uint8_t *copy = malloc(ocsp_der.len);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, ocsp_der.ptr, ocsp_der.len);
    free(c->ocsp);
    c->ocsp = copy;
    c->ocsp_bytes = (uint32_t)ocsp_der.len;
    return 0;
}

struct certificate *certificate_hold(struct certificate *c)
{
    c->references++;
    return c;
}

void certificate_drop(struct certificate **c)
{
    struct certificate *old = *c;
    *c = NULL;
    if (!old || --old->references > 0)
        return;
    X509_free(old->leaf);
    free_chain(old->chain);
    EVP_PKEY_free(old->key);
    free(old->ocsp);
    free(old);
}

void certificate_set_put(struct certificate_set *set, struct certificate *c)
{
    certificate_drop(&set->by_kind[c->kind]);
    set->by_kind[c->kind] = c;
    certificate_set_explain(set, (slice){ 0 });
}

void certificate_set_explain(struct certificate_set *set, slice why)
{
    free(set->why_none);
    set->why_none = why.len ? strndup(why.ptr, why.len) : NULL;
}

void certificate_set_clear(struct certificate_set *set)
{
    certificate_set_explain(set, (slice){ 0 });
    for (int i = 0; i < KEY_KINDS; i++)
        certificate_drop(&set->by_kind[i]);
}

bool certificate_set_is_empty(const struct certificate_set *set)
{
    for (int i = 0; i < KEY_KINDS; i++)
        if (set->by_kind[i])
            return false;
    return true;
}
