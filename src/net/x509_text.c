#include "net/x509_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <time.h>

void x509_write_name(struct writer *w, const X509_NAME *name)
{
    if (X509_NAME_entry_count(name) == 0) {
        writer_literal(w, "(no name)");
        return;
    }
    ERR_clear_error();
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long length = 0;
    /* RFC 4514 with everything that is not printable ASCII escaped */
    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        length = BIO_get_mem_data(bio, &text);
    if (length > 0)
        writer_bytes(w, text, (size_t)length);
    else
        writer_literal(w, "(no name)");
    BIO_free(bio);
}

/* What could end a value, or pass for the next one, is escaped. */
static void write_escaped(struct writer *w, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != ',' && bytes[i] != '\\') {
            writer_byte(w, (char)bytes[i]);
            continue;
        }
        writer_byte(w, '\\');
        writer_hex_bytes(w, &bytes[i], 1);
    }
}

static void write_text(struct writer *w, const char *kind, const ASN1_STRING *value)
{
    writer_text(w, kind);
    write_escaped(w, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
}

static void write_address(struct writer *w, const ASN1_STRING *value)
{
    char text[INET6_ADDRSTRLEN];
    int length = ASN1_STRING_length(value);
    int family = length == 4 ? AF_INET : AF_INET6;
    bool is_address = (length == 4 || length == 16) &&
                      inet_ntop(family, ASN1_STRING_get0_data(value), text, sizeof text);
    writer_literal(w, "IP:");
    writer_text(w, is_address ? text : "(malformed)");
}

static void write_alternative(struct writer *w, const GENERAL_NAME *name)
{
    switch (name->type) {
    case GEN_DNS:
        write_text(w, "DNS:", name->d.dNSName);
        break;
    case GEN_EMAIL:
        write_text(w, "email:", name->d.rfc822Name);
        break;
    case GEN_URI:
        write_text(w, "URI:", name->d.uniformResourceIdentifier);
        break;
    case GEN_IPADD:
        write_address(w, name->d.iPAddress);
        break;
    default:
        writer_literal(w, "other");
    }
}

void x509_write_alternatives(struct writer *w, const X509 *certificate, uint32_t max)
{
    ERR_clear_error();
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        struct writer before = *w;
        if (i > 0)
            writer_literal(w, ", ");
        if ((uint32_t)i < max)
            write_alternative(w, sk_GENERAL_NAME_value(names, i));
        if ((uint32_t)i < max && !w->overflowed)
            continue;
        *w = before; /* a name that is cut is another name */
        writer_text(w, i > 0 ? ", ..." : "...");
        break;
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
}

void x509_write_time(struct writer *w, const ASN1_TIME *time)
{
    struct tm parts;
    char text[32];
    if (ASN1_TIME_to_tm(time, &parts) == 1 &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0)
        writer_text(w, text);
    else
        writer_literal(w, "(no time)");
}

void x509_write_serial(struct writer *w, const X509 *certificate)
{
    static const char digits[] = "0123456789ABCDEF";
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    const unsigned char *bytes = ASN1_STRING_get0_data(serial);
    int count = ASN1_STRING_length(serial);
    if (ASN1_STRING_type(serial) & V_ASN1_NEG)
        writer_byte(w, '-');
    for (int i = 0; i < count; i++) {
        writer_byte(w, digits[bytes[i] >> 4]);
        writer_byte(w, digits[bytes[i] & 15]);
    }
    if (count == 0)
        writer_literal(w, "00");
}

int x509_fingerprint(const X509 *certificate, uint8_t ret[SHA256_BYTES])
{
    unsigned length = 0;
    ERR_clear_error();
    return X509_digest(certificate, EVP_sha256(), ret, &length) == 1 && length == SHA256_BYTES
               ? 0
               : -ENOMEM;
}

int x509_key_fingerprint(const X509 *certificate, uint8_t ret[SHA256_BYTES])
{
    unsigned char *der = NULL;
    unsigned length = 0;
    ERR_clear_error();
    int bytes = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool is_made = bytes > 0 &&
                   EVP_Digest(der, (size_t)bytes, ret, &length, EVP_sha256(), NULL) == 1 &&
                   length == SHA256_BYTES;
    OPENSSL_free(der);
    return is_made ? 0 : -ENOMEM;
}
