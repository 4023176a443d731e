#include "acme/request.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define CHAIN_MAX       10 /* certificates of a chain */
#define PROOF_DAYS      7
#define COMMON_NAME_MAX 64u
#define ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31"

static void free_names(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

static void free_extensions(STACK_OF(X509_EXTENSION) * *extensions)
{
    sk_X509_EXTENSION_pop_free(*extensions, X509_EXTENSION_free);
}

static void free_request(X509_REQ **request)
{
    X509_REQ_free(*request);
}

static void free_certificate(X509 **certificate)
{
    X509_free(*certificate);
}

static bool add_name(GENERAL_NAMES *names, slice name)
{
    GENERAL_NAME *general = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    if (general && text && ASN1_STRING_set(text, name.ptr, (int)name.len) == 1) {
        GENERAL_NAME_set0_value(general, GEN_DNS, text);
        if (sk_GENERAL_NAME_push(names, general) > 0)
            return true;
        text = NULL;
    }
    ASN1_IA5STRING_free(text);
    GENERAL_NAME_free(general);
    return false;
}

static bool add_names(STACK_OF(X509_EXTENSION) * *extensions, const slice *names, uint32_t count)
{
    OWNS(free_names) GENERAL_NAMES *list = GENERAL_NAMES_new();
    for (uint32_t i = 0; list && i < count; i++)
        if (!add_name(list, names[i]))
            return false;
    return list && X509V3_add1_i2d(extensions, NID_subject_alt_name, list, 0, 0) == 1;
}

/* An extension whose value is DER already. */
static bool add_raw(STACK_OF(X509_EXTENSION) * *extensions, const char *oid, bool is_critical,
                    const void *der, int bytes)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    if (object && value && ASN1_OCTET_STRING_set(value, der, bytes) == 1)
        extension = X509_EXTENSION_create_by_OBJ(NULL, object, is_critical, value);
    ASN1_OBJECT_free(object);
    ASN1_OCTET_STRING_free(value);
    bool is_added = extension && X509v3_add_ext(extensions, extension, -1) != NULL;
    X509_EXTENSION_free(extension);
    return is_added;
}

/* RFC 7633: TLS feature 5 (status_request), SEQUENCE { INTEGER 5 }. */
static bool add_must_staple(STACK_OF(X509_EXTENSION) * *extensions)
{
    static const unsigned char feature[] = { 0x30, 0x03, 0x02, 0x01, 0x05 };
    return add_raw(extensions, "1.3.6.1.5.5.7.1.24", false, feature, sizeof feature);
}

int request_make(EVP_PKEY *key, const slice *names, uint32_t count, bool must_staple,
                 unsigned char **ret, size_t *ret_bytes)
{
    ERR_clear_error();
    OWNS(free_request) X509_REQ *request = X509_REQ_new();
    OWNS(free_extensions) STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    *ret = NULL;
    if (!request || !extensions || !add_names(&extensions, names, count) ||
        (must_staple && !add_must_staple(&extensions)) || X509_REQ_set_version(request, 0) != 1 ||
        X509_REQ_set_pubkey(request, key) != 1 || X509_REQ_add_extensions(request, extensions) != 1)
        return -ENOMEM;
    ERR_clear_error();
    if (X509_REQ_sign(request, key, EVP_sha256()) <= 0) {
        ERR_clear_error();
        return -EIO;
    }
    int bytes = i2d_X509_REQ(request, ret);
    *ret_bytes = bytes > 0 ? (size_t)bytes : 0;
    return bytes > 0 ? 0 : -ENOMEM;
}

static bool describe_proof(X509 *certificate, EVP_PKEY *key, slice domain)
{
    unsigned char serial[16];
    X509_NAME *name = X509_get_subject_name(certificate);
    slice shown = slice_first(domain, COMMON_NAME_MAX);
    if (RAND_bytes(serial, sizeof serial) != 1)
        return false;
    serial[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    bool is_good =
        number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) &&
        X509_set_version(certificate, 2) == 1 &&
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
                                   (const unsigned char *)shown.ptr, (int)shown.len, -1, 0) == 1 &&
        X509_set_issuer_name(certificate, name) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), -86400) &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), PROOF_DAYS * 86400) &&
        X509_set_pubkey(certificate, key) == 1;
    BN_free(number);
    return is_good;
}

static bool add_extensions(X509 *certificate, const STACK_OF(X509_EXTENSION) * extensions)
{
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++)
        if (X509_add_ext(certificate, sk_X509_EXTENSION_value(extensions, i), -1) != 1)
            return false;
    return true;
}

int request_make_proof(EVP_PKEY *key, slice domain, slice key_authorization, unsigned char **ret,
                       size_t *ret_bytes)
{
    unsigned char identifier[2 + SHA256_DIGEST_LENGTH] = { 0x04, SHA256_DIGEST_LENGTH };
    ERR_clear_error();
    OWNS(free_certificate) X509 *certificate = X509_new();
    OWNS(free_extensions) STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    *ret = NULL;
    /* RFC 8737 §3: "acmeIdentifier … MUST be critical" */
    if (!certificate || !extensions ||
        EVP_Digest(key_authorization.ptr, key_authorization.len, identifier + 2, NULL, EVP_sha256(),
                   NULL) != 1 ||
        !add_names(&extensions, &domain, 1) ||
        !add_raw(&extensions, ACME_IDENTIFIER, true, identifier, sizeof identifier) ||
        !describe_proof(certificate, key, domain) || !add_extensions(certificate, extensions))
        return -ENOMEM;
    ERR_clear_error();
    if (X509_sign(certificate, key, EVP_sha256()) <= 0) {
        ERR_clear_error();
        return -EIO;
    }
    int bytes = i2d_X509(certificate, ret);
    *ret_bytes = bytes > 0 ? (size_t)bytes : 0;
    return bytes > 0 ? 0 : -ENOMEM;
}

/* --- What the CA sent --------------------------------------------------------------------------
 */

X509 *request_read_leaf(slice chain_pem)
{
    ERR_clear_error();
    BIO *memory = BIO_new_mem_buf(chain_pem.ptr, (int)chain_pem.len);
    X509 *leaf = memory ? PEM_read_bio_X509(memory, NULL, NULL, NULL) : NULL;
    BIO_free(memory);
    ERR_clear_error();
    return leaf;
}

bool request_covers(X509 *leaf, const slice *names, uint32_t count)
{
    OWNS(free_names)
    GENERAL_NAMES *list = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (uint32_t i = 0; i < count; i++) {
        bool is_there = false;
        for (int k = 0; k < sk_GENERAL_NAME_num(list) && !is_there; k++) {
            const GENERAL_NAME *general = sk_GENERAL_NAME_value(list, k);
            if (general->type != GEN_DNS)
                continue;
            is_there = slice_equal_fold(
                names[i], slice_of((const char *)ASN1_STRING_get0_data(general->d.dNSName),
                                   (size_t)ASN1_STRING_length(general->d.dNSName)));
        }
        if (!is_there)
            return false;
    }
    return count > 0;
}

int request_judge_chain(slice chain_pem, EVP_PKEY *key, const slice *names, uint32_t count,
                        const char **ret_why)
{
    OWNS(free_certificate) X509 *leaf = request_read_leaf(chain_pem);
    const char *why = NULL;
    if (!leaf)
        why = "it is no certificate in PEM";
    else if (EVP_PKEY_eq(X509_get0_pubkey(leaf), key) != 1)
        why = "it is for another key than that of the order";
    else if (!request_covers(leaf, names, count))
        why = "a name of the order is not in it";
    ERR_clear_error();
    *ret_why = why;
    return why ? -EINVAL : 0;
}

static bool is_issued_by(const X509 *certificate, slice issuer)
{
    char name[256];
    int length = X509_NAME_get_text_by_NID(X509_get_issuer_name(certificate), NID_commonName, name,
                                           sizeof name);
    return length > 0 && slice_equal_fold(slice_of(name, (size_t)length), issuer);
}

bool request_chain_has_issuer(slice chain_pem, slice issuer)
{
    ERR_clear_error();
    bool is_found = false;
    BIO *memory = BIO_new_mem_buf(chain_pem.ptr, (int)chain_pem.len);
    for (int i = 0; memory && !is_found && i < CHAIN_MAX; i++) {
        OWNS(free_certificate)
        X509 *certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);
        if (!certificate)
            break;
        is_found = is_issued_by(certificate, issuer);
    }
    BIO_free(memory);
    ERR_clear_error();
    return is_found;
}
