/* Certificates for local names, `tls local`: a root of this machine, made once and kept, and leaves
 * of a week under it. */
#pragma once

#include "certifier/world.h"

#define LOCAL_ROOT_FILE       "local-root.pem"
#define LOCAL_ROOT_KEY        "local-root"
#define LOCAL_RENEW_DAYS      3 /* a leaf is renewed that long before its end */
#define LOCAL_ROOT_RENEW_DAYS 365

struct local_authority {
    X509 *root; /* NULL: not needed so far */
    EVP_PKEY *key;
};

void local_authority_close(struct local_authority *a);

/* Sees to it that the holding has a certificate for its names that is good for a while: the one in
 * force, the one in the store, or a new one. 0 nothing changed · 1 it has another · -errno, its
 * error says why, and so does the log. Plans h->renew_s in every case. May wait. */
int local_ensure(struct certifier_world *w, struct local_authority *a, struct holding *h);
