/* `auth`: who has to prove who he is, by a certificate in the TLS handshake (mTLS).
 *
 * A handshake knows the site and not yet the route: a site asks for certificates when any of its
 * routes wants them, and each route decides about what came. All routes of a site believe the same
 * authorities. A handshake with a certificate that does not convince is completed all the same, so
 * that the client can be told why, unless `strict` is written. */
#pragma once

#include "base/slice.h"

enum auth_mode { AUTH_OFF, AUTH_OPTIONAL, AUTH_REQUIRED };

/* Whether the issuer is asked if a certificate is still good (OCSP), and what becomes of one about
 * which nobody says anything: soft lets it in. */
enum auth_ocsp { AUTH_OCSP_OFF, AUTH_OCSP_SOFT, AUTH_OCSP_HARD };

/* A file that settings name; the text only while loading. */
struct auth_file {
    slice path, text;
};

#define AUTH_CRLS_MAX 16u

struct auth_settings {
    enum auth_mode mode;
    struct auth_file ca;
    struct auth_file *crls;
    uint32_t crl_count;
    uint32_t depth_max; /* certificates between the client's and an authority's */
    enum auth_ocsp ocsp;
    slice responder;   /* URL; empty: the one that the certificate names */
    uint8_t is_strict; /* the handshake fails without a certificate that convinces */
    slice where;       /* of the statement that says so */
};
