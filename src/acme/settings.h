/* What `acme { … }` says: which CA is asked, who asks, and how names are proved. Part of a
 * configuration; handed to the certifier as JSON, because the process that asks is another one. */
#pragma once

#include "base/arena.h"
#include "base/slice.h"
#include "base/writer.h"

#define ACME_PRODUCTION_URL "https://acme-v02.api.letsencrypt.org/directory"
#define ACME_STAGING_URL    "https://acme-staging-v02.api.letsencrypt.org/directory"
#define ACME_URL_MAX        1024u
#define ACME_SETTINGS_BYTES 16384u /* of the text form */

/* How a name is proved. In the order of preference of `challenge auto`. */
enum acme_challenge {
    ACME_CHALLENGE_AUTO,
    ACME_CHALLENGE_HTTP,
    ACME_CHALLENGE_TLS_ALPN,
    ACME_CHALLENGE_DNS
};

enum acme_key_kind { ACME_KEY_EC, ACME_KEY_RSA }; /* P-256; 2048 bits */

/* Validation comes to port 80 or 443; another port may be what that one is forwarded to. */
enum acme_reach { ACME_REACH_NONE, ACME_REACH_OTHER_PORT, ACME_REACH_STANDARD };

struct acme_settings {
    bool is_on;      /* the terms of the CA are agreed to: an `acme` directive was written */
    bool is_staging; /* `staging on`: only the staging directory is asked */
    bool must_staple;
    uint8_t challenge; /* enum acme_challenge */
    uint8_t key;       /* enum acme_key_kind */
    slice directory;   /* empty: ACME_PRODUCTION_URL, with ACME_STAGING_URL to try in trouble */
    slice contact;     /* a mail address; empty: none */
    slice eab_kid;     /* empty: no external account binding */
    slice eab_key;     /* as the CA gave it, base64url. Secret */
    slice ca;          /* file with the roots of the CA's own HTTPS; empty: the system's */
    slice hook;        /* program for DNS-01; empty: none */
    slice profile;     /* of the CA's profiles; empty: the CA's default */
    slice issuer;      /* wanted in the chain, when the CA offers several; empty: its default */
    /* What the configuration listens on, noted when it was loaded. */
    uint8_t reach_http, reach_tls; /* enum acme_reach: whether HTTP-01 and TLS-ALPN-01 can work */
    slice http_address; /* "127.0.0.1:80": where we ask ourselves before the CA does; empty: nowhere
                         */
};

/* The directory that is asked first. */
slice acme_settings_directory(const struct acme_settings *s);
/* Where it is tried whether the site would be served, when production has refused several times;
 * empty: nowhere (a directory was written). */
slice acme_settings_staging(const struct acme_settings *s);

/* The text form. Overflow is the writer's to tell. */
void acme_settings_write(const struct acme_settings *s, struct writer *w);
/* Strings are copied into the arena. 0 · -EPROTO not that form · -ENOMEM */
MUST_CHECK int acme_settings_read(slice json, struct arena *a, struct acme_settings *ret);
