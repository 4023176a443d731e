/* Whom a peer's certificate is judged by: the authorities (and, for clients, the certificates that
 * they have taken back) of files that the configuration names. Made while loading, before the fork,
 * because workers have no file system; what is made is never changed, and may be shared by many
 * contexts, each of which holds a reference. New lists of revoked certificates come later, as texts
 * from the certifier, and make another one. */
#pragma once

#include <openssl/ssl.h>

#include "base/writer.h"

/* The system's own authorities: SSL_CERT_FILE, or where distributions keep their bundle.
 * NULL: there is none. */
const char *tls_trust_system_file(void);

/* Everything that the PEM text names is believed, also when it is no root: whoever writes it means
 * exactly that certificate (X509_V_FLAG_PARTIAL_CHAIN).
 * 0, *ret is the caller's (X509_STORE_free) · -EINVAL `why` says what is wrong with the text
 * · -ENOMEM */
MUST_CHECK int tls_trust_make(slice pem, X509_STORE **ret, struct writer *why);

/* --- Revocation lists ------------------------------------------------------------------------- */

/* A file's lists. */
struct tls_crl_file {
    slice path;
    STACK_OF(X509_CRL) * crls;
    uint8_t hash[32]; /* SHA-256 of the text that was loaded first */
};

/* Those by which the clients of one context are judged. A list is replaced while handshakes go on:
 * each keeps what it began with. */
struct tls_crl_files {
    struct tls_crl_file *all;
    uint32_t count;
};

/* PEM, or one in DER. 0, *ret is the caller's · -EINVAL `why` says what is wrong · -ENOMEM */
MUST_CHECK int tls_crls_read(slice text, STACK_OF(X509_CRL) * *ret, struct writer *why);
void tls_crls_free(STACK_OF(X509_CRL) * *crls); /* for OWNS() */

/* May these take the place of `old`? None is out of date or older, none is missing.
 * 0 · -EINVAL `why` says why not */
MUST_CHECK int tls_crls_succeed(STACK_OF(X509_CRL) * old, STACK_OF(X509_CRL) * crls,
                                struct writer *why);

/* With one, each certificate of a chain must have a list of its issuer that is in force, and must
 * not be on it. 0 · -ENOMEM */
MUST_CHECK int tls_trust_use(X509_STORE *trust, const struct tls_crl_files *files);

/* Does one of the lists in force name the certificate? For connections that began before it did. */
bool tls_crls_name(const struct tls_crl_files *files, X509 *certificate);

struct tls_crl_text {
    slice path, text;
};
/* The file has another text now: handshakes from now on are judged by it. A list that is not signed
 * by the authority it names is refused. 0 · -ENOENT none of `files` has that path · -EINVAL `why`
 * says what is wrong, nothing changed · -ENOMEM */
MUST_CHECK int tls_trust_replace(SSL_CTX *context, const struct tls_crl_files *files,
                                 const struct tls_crl_text *text, struct writer *why);
