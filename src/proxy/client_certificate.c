#include "proxy/client_certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "net/tls.h"
#include "net/x509_text.h"
#include "proxy/connection.h"

#define TEXT_BYTES_MAX      2048u
#define ALTERNATIVES_MAX    32u
#define WHY_BYTES           640u
#define BASE64_BYTES(count) (((count) + 2) / 3 * 4)

/* The certificate's text through `write`, in the arena. ptr NULL: no memory, or too long */
static slice keep(struct exchange *x, const struct writer *w)
{
    return w->overflowed ? slice_of(NULL, 0) : arena_copy(&x->arena, writer_slice(w));
}

static slice name_text(struct exchange *x, const X509_NAME *name)
{
    char text[TEXT_BYTES_MAX];
    struct writer w = writer_over(text, sizeof text);
    x509_write_name(&w, name);
    return keep(x, &w);
}

static slice serial_text(struct exchange *x, const X509 *c)
{
    char text[128];
    struct writer w = writer_over(text, sizeof text);
    x509_write_serial(&w, c);
    return keep(x, &w);
}

static slice alternatives_text(struct exchange *x, const X509 *c)
{
    char text[TEXT_BYTES_MAX];
    struct writer w = writer_over(text, sizeof text);
    x509_write_alternatives(&w, c, ALTERNATIVES_MAX);
    return keep(x, &w);
}

static slice fingerprint_text(struct exchange *x, const X509 *c)
{
    uint8_t digest[SHA256_BYTES];
    char text[2 * SHA256_BYTES];
    struct writer w = writer_over(text, sizeof text);
    if (x509_fingerprint(c, digest) != 0)
        return slice_of(NULL, 0);
    writer_hex_bytes(&w, digest, sizeof digest);
    return keep(x, &w);
}

/* RFC 9440 §2.2, RFC 8941 §3.3.5: the DER as a byte sequence. */
static slice encode(struct exchange *x, X509 *c)
{
    unsigned char der[CLIENT_CERTIFICATE_BYTES_MAX], *to = der;
    int bytes = i2d_X509(c, &to);
    if (bytes <= 0)
        return slice_of(NULL, 0);
    size_t room = BASE64_BYTES((size_t)bytes);
    char *text = arena_take(&x->arena, room + 3); /* both colons, and the encoder's NUL */
    if (!text)
        return slice_of(NULL, 0);
    text[0] = ':';
    int length = EVP_EncodeBlock((unsigned char *)text + 1, der, bytes);
    text[1 + length] = ':';
    return slice_of(text, (size_t)length + 2);
}

/* "… (certificate has expired): CN=a, from … to …, issued by CN=b" */
static int say(struct exchange *x, const X509 *c, const char *what, const char **ret_why)
{
    char text[WHY_BYTES];
    struct writer w = writer_over(text, sizeof text);
    char subject[TEXT_BYTES_MAX];
    struct writer s = writer_over(subject, sizeof subject);
    x509_write_name(&s, X509_get_subject_name(c));
    writer_format(&w, "the client's certificate does not convince (%s): ", what);
    writer_slice_add(&w, slice_first(writer_slice(&s), 200));
    writer_literal(&w, ", from ");
    x509_write_time(&w, X509_get0_notBefore(c));
    writer_literal(&w, " to ");
    x509_write_time(&w, X509_get0_notAfter(c));
    *ret_why = arena_text(&x->arena, writer_slice(&w));
    return *ret_why ? -EACCES : -ENOMEM;
}

/* Since the handshake a list may have come that names it. */
static bool was_taken_back(const struct exchange *x, X509 *c)
{
    const struct tls_made_context *made = x->site->tls.made;
    return made && made->crls.count && tls_crls_name(&made->crls, c);
}

static int judge(struct exchange *x, const SSL *ssl, X509 *c, const char **ret_why)
{
    long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK)
        return say(x, c, X509_verify_cert_error_string(verdict), ret_why);
    if (X509_cmp_current_time(X509_get0_notAfter(c)) <= 0) /* of a session that was resumed */
        return say(x, c, "certificate has expired", ret_why);
    if (was_taken_back(x, c))
        return say(x, c, X509_verify_cert_error_string(X509_V_ERR_CERT_REVOKED), ret_why);
    if (i2d_X509(c, NULL) > (int)CLIENT_CERTIFICATE_BYTES_MAX)
        return say(x, c, "it is longer than 8 KiB", ret_why);
    return 0;
}

int client_certificate_read(struct exchange *x, struct client_certificate **ret,
                            const char **ret_why)
{
    const SSL *ssl = tls_ssl(&x->connection->socket);
    X509 *c = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    if (!c)
        return -ENOENT;
    ERR_clear_error();
    TRY(judge(x, ssl, c, ret_why));
    struct client_certificate *made = arena_take(&x->arena, sizeof *made);
    if (!made)
        return -ENOMEM;
    *made = (struct client_certificate){ .subject = name_text(x, X509_get_subject_name(c)),
                                         .issuer = name_text(x, X509_get_issuer_name(c)),
                                         .serial = serial_text(x, c),
                                         .alternatives = alternatives_text(x, c),
                                         .fingerprint = fingerprint_text(x, c),
                                         .der = encode(x, c) };
    ERR_clear_error();
    if (!made->subject.ptr || !made->issuer.ptr || !made->serial.ptr || !made->alternatives.ptr ||
        !made->fingerprint.ptr || !made->der.ptr)
        return say(x, c, "its names are too long", ret_why);
    *ret = made;
    return 0;
}
