/* TLS towards origin servers: how they are spoken to, and how they have to prove who they are.
 *
 * A struct tls_client is made while loading, before the fork, and never changed: authorities,
 * pinned keys, our own certificate, versions. Every connection to any server with the same settings
 * uses it. Whatever a server does wrong is told in words that an operator can act on, and in one of
 * few kinds, which become the `reason` of a log line.
 *
 * Verification (RFC 9525): the chain up to one of the authorities, dates, purpose, and the server's
 * name in subjectAltName; a name in the subject alone counts for nothing. TLS 1.2 and 1.3 with AEAD
 * suites, no compression, no renegotiation. */
#pragma once

#include "net/address.h"
#include "net/certificate.h"
#include "net/tls.h"
#include "net/x509_text.h"

struct tls_client;

struct tls_client_settings {
    X509_STORE *trust; /* the authorities; NULL: chain, dates and name are not looked at */
    const uint8_t (*pins)[SHA256_BYTES]; /* the server's key must be one of them; besides `trust` */
    uint32_t pin_count;                  /* 0: any key */
    const struct certificate *own;       /* for servers that ask for one; NULL: none */
    int version_min;                     /* TLS1_2_VERSION or TLS1_3_VERSION */
};

/* Takes references of its own to what the settings name; pins are copied.
 * 0, *ret is the caller's · -ENOMEM · -EINVAL the library refuses `own`: `why` says why */
MUST_CHECK int tls_client_make(const struct tls_client_settings *settings, struct tls_client **ret,
                               struct writer *why);
void tls_client_free(struct tls_client *client); /* NULL is harmless */

/* Whom a connection is made to. */
struct tls_peer {
    slice name;   /* the host name it must prove and is asked for by SNI; empty: `ip` counts */
    struct ip ip; /* without a name: the address it must prove; none: no server has to */
    slice alpn;   /* {length, name} each (RFC 7301); empty: nothing is offered */
    SSL_SESSION **session; /* where the last session with this server is kept, may hold NULL; it
                              outlives the connection. NULL: nothing is kept */
};

/* What went wrong, from the certificate to the wire. */
enum tls_peer_failure_kind {
    TLS_FAILURE_NONE,
    TLS_FAILURE_EXPIRED,       /* a certificate of the chain is no longer valid */
    TLS_FAILURE_NOT_YET_VALID, /* or not yet */
    TLS_FAILURE_NAME,          /* it is for another name or address */
    TLS_FAILURE_UNTRUSTED, /* no chain to an authority that is believed, or one that is not sound */
    TLS_FAILURE_PIN,       /* the key is none of the pinned ones */
    TLS_FAILURE_OWN,       /* the server wants a certificate of ours, or does not like it */
    TLS_FAILURE_PROTOCOL,  /* it does not speak TLS, or no version or suite of ours */
    TLS_FAILURE_HANDSHAKE, /* it ended the handshake with an alert, or broke its rules */
    TLS_FAILURE_CLOSED,    /* it closed or reset the connection in the handshake */
    TLS_FAILURE_TIMEOUT,   /* the handshake was not over in time */
    TLS_FAILURE_OURS,      /* no memory, or the keyholder did not sign */
};

#define TLS_FAILURE_TEXT_BYTES 1024u

struct tls_peer_failure {
    enum tls_peer_failure_kind kind;
    char text[TLS_FAILURE_TEXT_BYTES]; /* one sentence for the operator, printable ASCII */
};

/* Shakes hands on an open socket; results of tls_begin. With any but 0 and -ECANCELED *ret_failure
 * says why; the socket is then only good to close. */
MAY_WAIT int tls_connect(struct socket *s, struct tls_client *client, const struct tls_peer *peer,
                         int64_t deadline_ms, struct tls_peer_failure *ret_failure);

/* A connection has ended behind its handshake, without an answer: because the server does not like
 * our certificate, or wants one? In TLS 1.3 it says so only there, and its alert may be lost when
 * it closes with our request unread; that it has asked is known. False: something else. */
bool tls_client_was_refused(const struct socket *s, struct tls_peer_failure *ret);

/* The parts of tls_connect, for tests that move the bytes themselves.
 *
 * tls_client_prepare an SSL of the context becomes a connection to the peer; `failure` has to stay
 *                    where it is until tls_client_settle. 0 · -ENOMEM
 * tls_client_settle  after the handshake: its result, and the library's first error. Fills
 *                    `failure` when the result is not 0. */
SSL_CTX *tls_client_context(const struct tls_client *client);
MUST_CHECK int tls_client_prepare(SSL *ssl, const struct tls_peer *peer,
                                  struct tls_peer_failure *failure);
void tls_client_settle(SSL *ssl, int result, unsigned long error, struct tls_peer_failure *failure);
