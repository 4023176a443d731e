#include "net/tls_trust.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/x509_text.h"

const char *tls_trust_system_file(void)
{
    static const char *const files[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Alpine */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
        "/etc/ssl/ca-bundle.pem",             /* openSUSE */
        "/etc/ssl/cert.pem",
    };
    const char *named = getenv(X509_get_default_cert_file_env());
    if (named && *named)
        return named;
    for (size_t i = 0; i < ARRAY_LENGTH(files); i++)
        if (access(files[i], R_OK) == 0)
            return files[i];
    return access(X509_get_default_cert_file(), R_OK) == 0 ? X509_get_default_cert_file() : NULL;
}

static void free_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void free_store(X509_STORE **store)
{
    X509_STORE_free(*store);
}

/* The end of the text, or something in it that cannot be read? Leaves the queue empty. */
static bool is_at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    return at_end;
}

static int say_unreadable(struct writer *why, const char *what, uint32_t number)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    writer_format(why, "%s %u in it cannot be read: %s", what, number,
                  reason ? reason : "malformed");
    ERR_clear_error();
    return -EINVAL;
}

static int add_certificates(X509_STORE *trust, BIO *bio, struct writer *why)
{
    for (uint32_t count = 0;; count++) {
        ERR_clear_error();
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!certificate) {
            if (!is_at_end())
                return say_unreadable(why, "certificate", count + 1);
            ERR_clear_error();
            if (count > 0)
                return 0;
            writer_literal(why, "there is no certificate in it (PEM, -----BEGIN CERTIFICATE-----)");
            return -EINVAL;
        }
        int added = X509_STORE_add_cert(trust, certificate);
        X509_free(certificate);
        if (added != 1)
            return -ENOMEM;
    }
}

int tls_trust_make(slice pem, X509_STORE **ret, struct writer *why)
{
    if (slice_find(pem, SLICE("PRIVATE KEY-----")) < pem.len) {
        writer_literal(why, "there is a private key in it, which nobody who is only to be believed "
                            "has to give away; keep certificates and keys in separate files");
        return -EINVAL;
    }
    if (pem.len > INT_MAX)
        return -ENOMEM;
    ERR_clear_error();
    BIO *bio OWNS(free_bio) = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509_STORE *trust OWNS(free_store) = X509_STORE_new();
    if (!bio || !trust || X509_STORE_set_flags(trust, X509_V_FLAG_PARTIAL_CHAIN) != 1)
        return -ENOMEM;
    TRY(add_certificates(trust, bio, why));
    *ret = trust;
    trust = NULL;
    return 0;
}

/* --- Revocation lists ------------------------------------------------------------------------- */

void tls_crls_free(STACK_OF(X509_CRL) * *crls)
{
    sk_X509_CRL_pop_free(*crls, X509_CRL_free);
    *crls = NULL;
}

static int keep_crl(STACK_OF(X509_CRL) * crls, X509_CRL *crl)
{
    if (sk_X509_CRL_push(crls, crl) > 0)
        return 0;
    X509_CRL_free(crl);
    return -ENOMEM;
}

static int read_pem_crls(STACK_OF(X509_CRL) * crls, BIO *bio, struct writer *why)
{
    for (uint32_t count = 0;; count++) {
        ERR_clear_error();
        X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        if (crl) {
            TRY(keep_crl(crls, crl));
            continue;
        }
        if (!is_at_end())
            return say_unreadable(why, "revocation list", count + 1);
        ERR_clear_error();
        if (count > 0)
            return 0;
        writer_literal(why, "there is no revocation list in it (-----BEGIN X509 CRL-----, or DER)");
        return -EINVAL;
    }
}

static int read_der_crl(STACK_OF(X509_CRL) * crls, BIO *bio, struct writer *why)
{
    X509_CRL *crl = d2i_X509_CRL_bio(bio, NULL);
    return crl ? keep_crl(crls, crl) : say_unreadable(why, "revocation list", 1);
}

int tls_crls_read(slice text, STACK_OF(X509_CRL) * *ret, struct writer *why)
{
    if (text.len > INT_MAX)
        return -ENOMEM;
    ERR_clear_error();
    BIO *bio OWNS(free_bio) = BIO_new_mem_buf(text.ptr, (int)text.len);
    STACK_OF(X509_CRL) * crls OWNS(tls_crls_free) = sk_X509_CRL_new_null();
    if (!bio || !crls)
        return -ENOMEM;
    bool is_der = text.len > 0 && text.ptr[0] == 0x30; /* a SEQUENCE */
    TRY(is_der ? read_der_crl(crls, bio, why) : read_pem_crls(crls, bio, why));
    *ret = crls;
    crls = NULL;
    return 0;
}

static const X509_CRL *find_issuer(STACK_OF(X509_CRL) * crls, const X509_NAME *issuer)
{
    for (int i = 0; i < sk_X509_CRL_num(crls); i++)
        if (X509_NAME_cmp(X509_CRL_get_issuer(sk_X509_CRL_value(crls, i)), issuer) == 0)
            return sk_X509_CRL_value(crls, i);
    return NULL;
}

static int refuse_crl(const X509_CRL *crl, const char *what, struct writer *why)
{
    writer_literal(why, "the list of ");
    x509_write_name(why, X509_CRL_get_issuer(crl));
    writer_text(why, what);
    return -EINVAL;
}

int tls_crls_succeed(STACK_OF(X509_CRL) * old, STACK_OF(X509_CRL) * crls, struct writer *why)
{
    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        const X509_CRL *crl = sk_X509_CRL_value(crls, i);
        const ASN1_TIME *end = X509_CRL_get0_nextUpdate(crl);
        if (end && X509_cmp_current_time(end) <= 0)
            return refuse_crl(crl, " in it is out of date", why);
    }
    for (int i = 0; i < sk_X509_CRL_num(old); i++) {
        const X509_CRL *before = sk_X509_CRL_value(old, i);
        const X509_CRL *crl = find_issuer(crls, X509_CRL_get_issuer(before));
        if (!crl)
            return refuse_crl(before, " is not in it any more", why);
        if (ASN1_TIME_compare(X509_CRL_get0_lastUpdate(crl), X509_CRL_get0_lastUpdate(before)) < 0)
            return refuse_crl(crl, " in it is older than the one in force", why);
    }
    return 0;
}

/* --- Lists in force --------------------------------------------------------------------------- */

int tls_trust_use(X509_STORE *trust, const struct tls_crl_files *files)
{
    if (files->count &&
        X509_STORE_set_flags(trust, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) != 1)
        return -ENOMEM;
    for (uint32_t i = 0; i < files->count; i++)
        for (int k = 0; k < sk_X509_CRL_num(files->all[i].crls); k++)
            if (X509_STORE_add_crl(trust, sk_X509_CRL_value(files->all[i].crls, k)) != 1)
                return -ENOMEM;
    return 0;
}

/* Another one of the same authorities. */
static int copy_authorities(X509_STORE *from, X509_STORE **ret)
{
    X509_STORE *made OWNS(free_store) = X509_STORE_new();
    if (!made || X509_STORE_set_flags(made, X509_V_FLAG_PARTIAL_CHAIN) != 1)
        return -ENOMEM;
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(from);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *c = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (c && X509_STORE_add_cert(made, c) != 1)
            return -ENOMEM;
    }
    *ret = made;
    made = NULL;
    return 0;
}

/* Of authorities that are known: others are below them, and shown by clients. */
static int check_signatures(X509_STORE *trust, STACK_OF(X509_CRL) * crls, struct writer *why)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(trust);
    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(crls, i);
        bool is_known = false, is_good = false;
        for (int k = 0; k < sk_X509_OBJECT_num(objects) && !is_good; k++) {
            X509 *c = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, k));
            if (!c || X509_NAME_cmp(X509_get_subject_name(c), X509_CRL_get_issuer(crl)) != 0)
                continue;
            is_known = true;
            is_good = X509_CRL_verify(crl, X509_get0_pubkey(c)) == 1;
        }
        ERR_clear_error();
        if (is_known && !is_good)
            return refuse_crl(crl, " in it is not signed by it", why);
    }
    return 0;
}

static struct tls_crl_file *find_file(const struct tls_crl_files *files, slice path)
{
    for (uint32_t i = 0; i < files->count; i++)
        if (slice_equal(files->all[i].path, path))
            return &files->all[i];
    return NULL;
}

static int put_in_force(SSL_CTX *context, X509_STORE *trust, const struct tls_crl_files *files)
{
    X509_STORE *made OWNS(free_store) = NULL;
    TRY(copy_authorities(trust, &made));
    TRY(tls_trust_use(made, files));
    return SSL_CTX_set1_verify_cert_store(context, made) == 1 ? 0 : -ENOMEM;
}

int tls_trust_replace(SSL_CTX *context, const struct tls_crl_files *files,
                      const struct tls_crl_text *text, struct writer *why)
{
    X509_STORE *trust = NULL; /* the context's */
    STACK_OF(X509_CRL) * crls OWNS(tls_crls_free) = NULL;
    struct tls_crl_file *file = find_file(files, text->path);
    if (!file)
        return -ENOENT;
    TRY(tls_crls_read(text->text, &crls, why));
    ERR_clear_error();
    if (SSL_CTX_get0_verify_cert_store(context, &trust) != 1 || !trust)
        return -ENOMEM;
    TRY(check_signatures(trust, crls, why));
    STACK_OF(X509_CRL) *old = file->crls;
    file->crls = crls;
    int result = put_in_force(context, trust, files);
    if (result != 0)
        file->crls = old;
    else
        crls = old; /* goes */
    return result;
}

bool tls_crls_name(const struct tls_crl_files *files, X509 *certificate)
{
    for (uint32_t i = 0; i < files->count; i++)
        for (int k = 0; k < sk_X509_CRL_num(files->all[i].crls); k++) {
            X509_CRL *crl = sk_X509_CRL_value(files->all[i].crls, k);
            X509_REVOKED *entry;
            if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(certificate)) == 0 &&
                X509_CRL_get0_by_cert(crl, &entry, certificate) == 1)
                return true;
        }
    return false;
}
