/* What a TLS handshake has signed. The keyholder signs nothing else for a worker: whoever takes a
 * worker over gets signatures for handshakes as long as he has it, and none on a certificate, a
 * token or a message of another protocol.
 *
 * Four texts exist (RFC 8446 §4.4.3; RFC 5246 §7.4.3 and §7.4.8 with RFC 8422 §5.4); each is judged
 * to its last byte. Key exchange with DHE has no shape here: it is not offered. */
#pragma once

#include "base/slice.h"

enum tls_signed {
    TLS_SIGNED_NOTHING,     /* none of them */
    TLS_SIGNED_1_3_SERVER,  /* CertificateVerify */
    TLS_SIGNED_1_3_CLIENT,  /* CertificateVerify */
    TLS_SIGNED_1_2_KEY,     /* the server's ephemeral key with both randoms */
    TLS_SIGNED_1_2_MESSAGES /* CertificateVerify of a client: all messages so far */
};

/* Pure. */
enum tls_signed tls_signed_judge(slice text);
