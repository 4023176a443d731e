/* The local certificate authority: certificates for names that no public one issues for (localhost,
 * *.test, IP addresses, …). A root that people may trust, and short-lived leaves under it.
 *
 * Only certificates are made here. The keys live in the keyholder; an EVP_PKEY given here may be a
 * public part that asks for its signatures, so these functions can wait when it is. */
#pragma once

#include <openssl/x509.h>

#include "base/slice.h"

#define AUTHORITY_ROOT_DAYS 3650
#define AUTHORITY_LEAF_DAYS 7
#define AUTHORITY_SKEW_S    3600 /* that long ago it began: clocks differ */
#define AUTHORITY_NAMES_MAX 100u

/* A self-signed root (RFC 5280: CA, pathlen 0, may sign certificates). `machine` stands in its
 * name, so that people can tell two apart. 0 · -ENOMEM · -EIO the key could not sign */
MUST_CHECK int authority_make_root(EVP_PKEY *key, slice machine, int64_t now_s, X509 **ret);

struct authority_leaf {
    X509 *root;
    EVP_PKEY *root_key;
    EVP_PKEY *key;      /* of the leaf */
    const slice *names; /* canonical host names, wildcards, IP addresses without brackets */
    uint32_t name_count;
    int64_t now_s;
};
/* A server certificate. It does not outlive the root. 0 · -EINVAL no name, or too many · -ENOMEM ·
 * -EIO the root's key could not sign */
MUST_CHECK int authority_make_leaf(const struct authority_leaf *want, X509 **ret);

/* Does the certificate serve all of these names? */
bool authority_covers(X509 *leaf, const slice *names, uint32_t count);
/* Was it signed by this root? */
bool authority_issued(X509 *root, X509 *leaf);
