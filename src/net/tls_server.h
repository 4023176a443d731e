/* The server's side of TLS: settings, the choice by the client's first message, tickets.
 *
 * There is one context per policy, never per site: a site's certificates are put into the object of
 * the handshake, so that ten thousand sites cost no contexts and certificates can be swapped. */
#pragma once

#include "net/certificate.h"
#include "net/tls.h"

#define TLS_SESSION_CONTEXT_BYTES 32u

/* What is agreed on. NULL: our defaults. Everything is AEAD with forward secrecy. */
struct tls_policy {
    bool needs_1_3;
    const char *ciphers;      /* of TLS 1.2, OpenSSL's names with colons */
    const char *suites;       /* of TLS 1.3 */
    const char *groups;       /* in the order of preference */
    int verify_mode;          /* SSL_VERIFY_*: whether clients are asked for a certificate */
    X509_STORE *client_store; /* roots and CRLs for it; the context takes a reference */
    STACK_OF(X509_NAME) * client_names; /* what is told to clients; a copy is taken */
    int verify_depth;    /* certificates between a client's and a root, when clients are asked */
    bool takes_early;    /* early data, of clients that are not asked for a certificate */
    bool has_no_tickets; /* each handshake is a full one, with the client's whole chain */
    /* Instead of the library's own verification: 1 the handshake goes on, with the error that is
     * set in `store` as the connection's verdict · 0 it fails. NULL: the library's own */
    int (*judge)(X509_STORE_CTX *store, void *ignored);
};

/* In the generation, before the fork: algorithms are fetched now.
 * 0 · -EINVAL with *ret_why, which names the word that is wrong · -ENOMEM */
MUST_CHECK int tls_server_context(const struct tls_policy *policy, SSL_CTX **ret,
                                  const char **ret_why);

/* Whether each word of "a:b" is known to the library; *ret_word is the first that is not. */
bool tls_ciphers_are_known(const char *list, slice *ret_word);
bool tls_groups_are_known(const char *list, slice *ret_word);

/* Another one that follows from both; one that fits no session when there is no memory. */
void tls_session_context_mix(uint8_t context[TLS_SESSION_CONTEXT_BYTES], slice text);

/* The answer to a client's first message. */
struct tls_choice {
    SSL_CTX *context;
    struct certificate_set *certificates;
    const void *owner; /* whose they are; comes back in tls_facts */
    slice alpn;        /* what we speak, in our order, {length, name} each; empty: no ALPN */
    /* Sessions are resumed only where this is the same: it is derived from the site and from what
     * it asks of clients' certificates. */
    uint8_t session_context[TLS_SESSION_CONTEXT_BYTES];
    slice server_name; /* canonical; in `name_memory` */
    char name_memory[256];
    char fingerprint[TLS_FINGERPRINT_MAX]; /* JA4, or empty */
    bool takes_early;                      /* early data, where the client sends some */
    bool asks_nobody;                      /* for a certificate, whatever the context says */
    uint8_t alert;                         /* when refused: RFC 8446 §6.2 */
};
enum {
    TLS_ALERT_UNEXPECTED_MESSAGE = 10,
    TLS_ALERT_HANDSHAKE_FAILURE = 40,
    TLS_ALERT_DECODE_ERROR = 50,
    TLS_ALERT_PROTOCOL_VERSION = 70,
    TLS_ALERT_INTERNAL_ERROR = 80,
    TLS_ALERT_UNRECOGNIZED_NAME = 112,
    TLS_ALERT_NO_APPLICATION_PROTOCOL = 120,
};

struct tls_accept {
    /* Decides; does not wait. 0 · -EREMOTEIO refused: choice->alert says it to the client */
    int (*choose)(void *context, const struct client_hello *hello, struct tls_choice *choice);
    void *context;
    struct buffer *early; /* bytes that have arrived already; taken over; may be NULL */
    int64_t deadline_ms;
};

/* Waits for the client's first message, chooses, and shakes hands. Results of tls_begin, and
 * -EREMOTEIO (refused by `choose`), -EBADMSG (no TLS, or malformed: answered with an alert). */
MAY_WAIT int tls_accept(struct socket *s, const struct tls_accept *how,
                        struct tls_failure *ret_failure);

/* --- Tickets (RFC 5077, RFC 8446 §4.6.1) -------------------------------------------------------
 * Keys come from shared memory, so that a ticket is good in every worker, after a reload and after
 * an upgrade. */
#define TLS_TICKET_NAME_BYTES 16u
struct tls_ticket_key {
    uint8_t name[TLS_TICKET_NAME_BYTES];
    uint8_t cipher[32]; /* AES-256-CBC */
    uint8_t mac[32];    /* HMAC-SHA256 */
};
#define TLS_TICKET_SECONDS 43200 /* how long a session may be resumed */

/* Early data is taken of a ticket at most once: `claim` says whether this one's may be, by the
 * secret of its session. NULL: never. */
void tls_use_early_data(bool (*claim)(slice secret));

/* Where keys are found; both may be NULL: no tickets then. `current` writes the key for new
 * tickets; `find` the one with that name, and whether it is still the current one. False: there is
 * none. */
struct tls_ticket_source {
    bool (*current)(struct tls_ticket_key *ret);
    bool (*find)(const uint8_t *name, struct tls_ticket_key *ret, bool *ret_is_current);
};
void tls_use_ticket_keys(const struct tls_ticket_source *source);
