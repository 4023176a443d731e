/* TLS 1.2 and 1.3 under a struct socket: after tls_accept or tls_connect the calls of net/socket.h
 * read and write plain bytes. Records are read ahead with one receive of up to 16 KiB, and written
 * gathered: what one call of socket_write_now encrypts goes out in one send.
 *
 * OpenSSL's error queue and state belong to the whole process: nothing here switches fibers inside
 * the library, except the operation with a private key, which waits for the keyholder. */
#pragma once

#include <openssl/ssl.h>

#include "base/buffer.h"
#include "net/socket.h"
#include "wire/client_hello.h"

#define TLS_FINGERPRINT_MAX 40u

/* What was agreed on. The texts live as long as the connection. */
struct tls_facts {
    const char *version; /* "TLSv1.3" */
    const char *cipher;  /* "TLS_AES_128_GCM_SHA256" */
    slice server_name;   /* as the client sent it, lower case; empty: it sent none */
    slice alpn;          /* "h2", "http/1.1", "http/1.0", or empty */
    const void *owner;   /* of a server: what tls_choice said; NULL */
    bool is_resumed;
    char fingerprint[TLS_FINGERPRINT_MAX]; /* JA4; empty: not computed */
};

/* NULL: a plain connection. */
const struct tls_facts *tls_facts_of(const struct socket *s);
/* The last alert that a server has sent (RFC 8446 §6), also behind the handshake: only there does
 * it say in TLS 1.3 that it wants another certificate of ours. 0: none, or it has closed. */
uint8_t tls_alert_of(const struct socket *s);
/* Is the handshake not complete yet? Then whatever has come is early data (RFC 8446 §2.3), which
 * somebody may have recorded and sent again; it may be read and answered. */
bool tls_is_early(const struct socket *s);
/* Waits for the end of such a handshake; what comes before it is thrown away. 0, also when there is
 * none · -errno as reads have it */
MAY_WAIT int tls_finish(struct socket *s, int64_t deadline_ms);
/* The library's object, for questions that the facts do not answer; NULL: plain. */
SSL *tls_ssl(const struct socket *s);

/* Why the last handshake on this socket failed: the library's words, static; NULL: it did not. The
 * alert (RFC 8446 §6) that the peer sent, or 0. */
struct tls_failure {
    const char *text;
    uint8_t alert_received;
    long verify_result;  /* X509_V_OK unless the peer's certificate was the reason */
    unsigned long error; /* the library's first error; 0: none */
};

/* Starts TLS on an open socket and shakes hands. A server's ticket may still wait afterwards
 * (socket_has_unsent): it goes with the first write, also one of nothing.
 *
 * context     its settings; made before the workers
 * early       bytes that have arrived already; taken over; may be NULL
 * prepare     called with the new object before the handshake; may be NULL. 0 · -errno
 * returns     0 · -ETIMEDOUT · -ECANCELED · -ECONNRESET the peer has gone · -EPROTO with
 * *ret_failure · -ENOMEM · -ENOBUFS. The socket stays open; after a failure it is only good to
 * close. */
struct tls_begin {
    SSL_CTX *context;
    struct buffer *early;
    bool is_server;
    bool takes_early; /* of a server: done as soon as early data has come, see tls_is_early() */
    slice server_name;
    const void *owner;       /* comes back in the facts */
    const char *fingerprint; /* NULL: none */
    int (*prepare)(SSL *ssl, void *argument);
    void *argument;
    int64_t deadline_ms;
};
MAY_WAIT int tls_begin(struct socket *s, const struct tls_begin *how,
                       struct tls_failure *ret_failure);

/* Until when the handshake that is going on in this fiber may take: for the operation with a
 * private key, which waits inside it. Only right until the next switch. */
int64_t tls_deadline_ms(void);

/* The settings that both sides have: no compression, no renegotiation, buffers only while bytes are
 * in them. NULL: out of memory. */
SSL_CTX *tls_context_make(const SSL_METHOD *method);

/* What the functions of net/socket.h do on a socket with TLS; results as there. */
MUST_CHECK ssize_t tls_read_now(struct socket *s, void *to, size_t bytes_max);
MUST_CHECK ssize_t tls_write_now(struct socket *s, const struct iovec *parts, int count);
bool tls_has_unsent(const struct socket *s); /* records that the kernel has not taken yet */
void tls_last_write(struct socket *s);       /* see socket_last_write */
void tls_shutdown_write(struct socket *s);   /* close_notify (RFC 8446 §6.1) */
bool tls_is_stale(struct socket *s);
void tls_end(struct socket *s, bool says_goodbye); /* frees it */
