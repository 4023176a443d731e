#include "certifier/authority.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#define SERIAL_BYTES 16

static void free_certificate(X509 **x)
{
    X509_free(*x);
}

static void free_names(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

/* RFC 5280 §4.1.2.2: positive, at most 20 octets, unique; random, as the Baseline Requirements
 * want it of others. */
static int set_serial(X509 *x)
{
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return -EIO;
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
    BN_free(number);
    return ok ? 0 : -ENOMEM;
}

static int set_times(X509 *x, int64_t from_s, int64_t until_s)
{
    return ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from_s) &&
                   ASN1_TIME_set(X509_getm_notAfter(x), (time_t)until_s)
               ? 0
               : -ENOMEM;
}

static int add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension && X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    return ok ? 0 : -ENOMEM;
}

static int add_text(X509_NAME *name, const char *field, slice text)
{
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)text.ptr,
                                      (int)text.len, -1, 0)
               ? 0
               : -ENOMEM;
}

static const EVP_MD *digest_for(EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
}

/* Takes the certificate over. */
static int finish(X509 **x, EVP_PKEY *key, X509 **ret)
{
    ERR_clear_error();
    if (X509_sign(*x, key, digest_for(key)) <= 0) {
        ERR_clear_error();
        return -EIO;
    }
    *ret = *x;
    *x = NULL;
    return 0;
}

static int fill_root(X509 *x, EVP_PKEY *key, slice machine, int64_t now_s)
{
    char text[64]; /* ub-common-name */
    int length = snprintf(text, sizeof text, "Portcullis local CA on %.*s",
                          (int)(machine.len < 40 ? machine.len : 40), machine.ptr);
    X509_NAME *name = X509_get_subject_name(x);
    if (!X509_set_version(x, X509_VERSION_3) || !X509_set_pubkey(x, key))
        return -ENOMEM;
    TRY(set_serial(x));
    TRY(set_times(x, now_s - AUTHORITY_SKEW_S, now_s + AUTHORITY_ROOT_DAYS * 86400ll));
    TRY(add_text(name, "O", SLICE("Portcullis")));
    TRY(add_text(name, "CN", slice_of(text, (size_t)length)));
    if (!X509_set_issuer_name(x, name))
        return -ENOMEM;
    TRY(add_extension(x, x, NID_subject_key_identifier, "hash"));
    TRY(add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
    return add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign");
}

int authority_make_root(EVP_PKEY *key, slice machine, int64_t now_s, X509 **ret)
{
    OWNS(free_certificate) X509 *x = X509_new();
    if (!x)
        return -ENOMEM;
    TRY(fill_root(x, key, machine, now_s));
    return finish(&x, key, ret);
}

/* --- Leaves ----------------------------------------------------------------------------------- */

/* The bytes of an IP address. 4, 16 · 0 it is a name */
static size_t address_of(slice name, unsigned char bytes[16])
{
    char text[64];
    if (name.len >= sizeof text)
        return 0;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    if (inet_pton(AF_INET, text, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

static int add_name(GENERAL_NAMES *names, slice name)
{
    unsigned char bytes[16];
    size_t length = address_of(name, bytes);
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_STRING *value =
        length ? (ASN1_STRING *)ASN1_OCTET_STRING_new() : (ASN1_STRING *)ASN1_IA5STRING_new();
    bool ok = g && value &&
              ASN1_STRING_set(value, length ? (const void *)bytes : name.ptr,
                              length ? (int)length : (int)name.len);
    if (ok) {
        GENERAL_NAME_set0_value(g, length ? GEN_IPADD : GEN_DNS, value);
        value = NULL; /* the name has it */
        ok = sk_GENERAL_NAME_push(names, g) > 0;
    }
    if (!ok) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(g);
    }
    return ok ? 0 : -ENOMEM;
}

static int add_names(X509 *x, const slice *names, uint32_t count)
{
    OWNS(free_names) GENERAL_NAMES *all = GENERAL_NAMES_new();
    if (!all)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        TRY(add_name(all, names[i]));
    /* RFC 5280 §4.2.1.6: critical, as the subject is empty */
    return X509_add1_ext_i2d(x, NID_subject_alt_name, all, 1, X509V3_ADD_DEFAULT) == 1 ? 0
                                                                                       : -ENOMEM;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
    struct tm parts;
    return ASN1_TIME_to_tm(t, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

static int fill_leaf(X509 *x, const struct authority_leaf *want)
{
    int64_t until_s = want->now_s + AUTHORITY_LEAF_DAYS * 86400ll;
    int64_t root_until_s = seconds_of(X509_get0_notAfter(want->root));
    if (!X509_set_version(x, X509_VERSION_3) || !X509_set_pubkey(x, want->key) ||
        !X509_set_issuer_name(x, X509_get_subject_name(want->root)))
        return -ENOMEM;
    TRY(set_serial(x));
    TRY(set_times(x, want->now_s - AUTHORITY_SKEW_S,
                  until_s < root_until_s ? until_s : root_until_s));
    TRY(add_names(x, want->names, want->name_count));
    TRY(add_extension(x, want->root, NID_authority_key_identifier, "keyid:always"));
    TRY(add_extension(x, want->root, NID_subject_key_identifier, "hash"));
    TRY(add_extension(x, want->root, NID_basic_constraints, "critical,CA:FALSE"));
    TRY(add_extension(x, want->root, NID_key_usage, "critical,digitalSignature"));
    return add_extension(x, want->root, NID_ext_key_usage, "serverAuth");
}

int authority_make_leaf(const struct authority_leaf *want, X509 **ret)
{
    if (want->name_count == 0 || want->name_count > AUTHORITY_NAMES_MAX)
        return -EINVAL;
    OWNS(free_certificate) X509 *x = X509_new();
    if (!x)
        return -ENOMEM;
    TRY(fill_leaf(x, want));
    return finish(&x, want->root_key, ret);
}

static bool has_name(const GENERAL_NAMES *names, slice name)
{
    unsigned char bytes[16];
    size_t length = address_of(name, bytes);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        if (type != (length ? GEN_IPADD : GEN_DNS))
            continue;
        slice has =
            slice_of((const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        if (length ? slice_equal(has, slice_of((const char *)bytes, length))
                   : slice_equal_fold(has, name))
            return true;
    }
    return false;
}

bool authority_covers(X509 *leaf, const slice *names, uint32_t count)
{
    OWNS(free_names)
    GENERAL_NAMES *has = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (uint32_t i = 0; i < count; i++)
        if (!has || !has_name(has, names[i]))
            return false;
    return true;
}

bool authority_issued(X509 *root, X509 *leaf)
{
    ERR_clear_error();
    bool ok = X509_check_issued(root, leaf) == X509_V_OK &&
              X509_verify(leaf, X509_get0_pubkey(root)) == 1;
    ERR_clear_error();
    return ok;
}
