/* TLS towards clients: what a site's `tls` says, and what the loader makes of it. */
#pragma once

#include "net/tls_server.h"
#include "net/tls_trust.h"

enum tls_kind {
    TLS_UNSET, /* nothing is written */
    TLS_OFF,   /* `tls off` */
    TLS_FILES, /* `tls CERT KEY` */
    TLS_AUTO,  /* `tls auto`: from a certificate authority, by ACME */
    TLS_LOCAL, /* `tls local`: from our own authority */
};

/* One certificate file and its key. */
struct tls_pair {
    slice certificate, key;           /* paths */
    const struct certificate *loaded; /* in the set, as long as nothing newer came */
};

/* What is presented under the names of one or more sites, and where it comes from. The contents of
 * the set are swapped while workers run. */
struct tls_identity {
    struct certificate_set set;
    enum tls_kind kind;
    struct tls_pair *pairs; /* of TLS_FILES, at most one of each kind of key */
    uint32_t pair_count;
    slice *hosts; /* of TLS_AUTO and TLS_LOCAL: canonical names that it is wanted for */
    uint32_t host_count;
    struct tls_identity *next; /* of the configuration's */
};

#define HSTS_UNWRITTEN (-1) /* `hsts` is not written: a day, or a year with `headers hardened` */

/* A block of settings: `tls` in defaults, policy or site. */
struct tls_settings {
    enum tls_kind kind;
    struct tls_identity *identity; /* of TLS_FILES: made when the files are read */
    uint8_t files_depth;           /* where `identity` was written: the nearest place wins */
    bool is_default;               /* presented to clients that name no site, or one that we lack */
    bool needs_1_3;                /* `min 1.3` */
    const char *ciphers;           /* of TLS 1.2; NULL: ours */
    const char *suites;            /* of TLS 1.3 */
    const char *groups;
    uint8_t takes_early;  /* `early-data on` */
    int64_t hsts_s;       /* Strict-Transport-Security: max-age; 0: not sent; HSTS_UNWRITTEN */
    uint8_t has_no_http2; /* `http2 off` */
};

struct listen;

/* What one site has of it. */
struct site_tls {
    const struct tls_settings *settings;
    struct tls_identity *identity; /* NULL: no TLS for this site */
    struct tls_made_context *made; /* shared by all sites with the same policy */
    uint8_t session_context[TLS_SESSION_CONTEXT_BYTES];
    const struct listen *https; /* where plain requests are redirected to; NULL: nowhere */
};

/* Contexts of one policy; freed with the configuration. */
struct tls_made_context {
    struct tls_made_context *next;
    SSL_CTX *context;
    struct tls_crl_files crls; /* replaced while workers run */
};
