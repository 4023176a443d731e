/* Whom a peer's certificate is judged by: the authorities (and, for clients, the certificates that
 * they have taken back) of files that the configuration names. Made while loading, before the fork,
 * because workers have no file system; what is made is never changed, and may be shared by many
 * contexts, each of which holds a reference. */
#pragma once

#include <openssl/x509_vfy.h>

#include "base/writer.h"

/* The system's own authorities: SSL_CERT_FILE, or where distributions keep their bundle.
 * NULL: there is none. */
const char *tls_trust_system_file(void);

/* Everything that the PEM text names is believed, also when it is no root: whoever writes it means
 * exactly that certificate (X509_V_FLAG_PARTIAL_CHAIN).
 * 0, *ret is the caller's (X509_STORE_free) · -EINVAL `why` says what is wrong with the text
 * · -ENOMEM */
MUST_CHECK int tls_trust_make(slice pem, X509_STORE **ret, struct writer *why);

/* Certificate revocation lists, PEM or DER: from now on each certificate of a chain must have a
 * list of its issuer that is in force, and must not be on it. 0 · -EINVAL · -ENOMEM */
MUST_CHECK int tls_trust_add_crls(X509_STORE *trust, slice text, struct writer *why);
