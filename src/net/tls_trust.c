#include "net/tls_trust.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

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

static int add_crl(X509_STORE *trust, X509_CRL *crl)
{
    int added = X509_STORE_add_crl(trust, crl);
    X509_CRL_free(crl);
    return added == 1 ? 0 : -ENOMEM;
}

static int add_pem_crls(X509_STORE *trust, BIO *bio, struct writer *why)
{
    for (uint32_t count = 0;; count++) {
        ERR_clear_error();
        X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        if (crl) {
            TRY(add_crl(trust, crl));
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

int tls_trust_add_crls(X509_STORE *trust, slice text, struct writer *why)
{
    if (text.len > INT_MAX)
        return -ENOMEM;
    ERR_clear_error();
    BIO *bio OWNS(free_bio) = BIO_new_mem_buf(text.ptr, (int)text.len);
    if (!bio || X509_STORE_set_flags(trust, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) != 1)
        return -ENOMEM;
    bool is_der = text.len > 0 && text.ptr[0] == 0x30; /* a SEQUENCE */
    X509_CRL *crl = is_der ? d2i_X509_CRL_bio(bio, NULL) : NULL;
    if (crl)
        return add_crl(trust, crl);
    return is_der ? say_unreadable(why, "revocation list", 1) : add_pem_crls(trust, bio, why);
}
