/* A certificate with its chain and the public half of its key, as it is presented in a handshake
 * (RFC 8446 §4.4.2). Immutable and counted: a handshake in progress keeps its own when a newer one
 * takes the place.
 *
 * The private half is not here: operations with `key` are asked of the keyholder. */
#pragma once

#include <openssl/x509.h>

#include "base/slice.h"

/* In the order of preference: the first that the client can verify is presented. */
enum key_kind { KEY_EC, KEY_ED25519, KEY_RSA, KEY_KINDS };

struct certificate {
    uint32_t references;
    enum key_kind kind;
    X509 *leaf;
    STACK_OF(X509) * chain; /* behind the leaf, as sent; may be empty */
    EVP_PKEY *key;
    uint8_t *ocsp; /* response to staple (RFC 6066 §8), DER; NULL: none */
    uint32_t ocsp_bytes;
    bool must_staple;                  /* RFC 7633: status_request in the TLS Feature extension */
    int64_t not_before_s, not_after_s; /* of the leaf, seconds of the epoch */
};

/* From PEM: the leaf first, then its chain. Holds a reference of its own to `key`, which must be
 * the leaf's; NULL: the leaf's own public key is used, for who only wants to look.
 *
 * returns   0 · -EINVAL with *ret_why, a static text · -ENOMEM */
MUST_CHECK int certificate_from_pem(slice pem, EVP_PKEY *key, struct certificate **ret,
                                    const char **ret_why);
/* The same from certificates that are parsed; takes all of them over, also on failure. */
MUST_CHECK int certificate_make(X509 *leaf, STACK_OF(X509) * chain, EVP_PKEY *key,
                                struct certificate **ret, const char **ret_why);

/* Signs with this key from now on, which has the leaf's public half: who made it has seen to that.
 * Takes it over. Before the certificate is shared. */
void certificate_take_key(struct certificate *c, EVP_PKEY *key);

/* A copy of the response; replaces one that was there. Before the certificate is shared. -ENOMEM */
MUST_CHECK int certificate_staple(struct certificate *c, slice ocsp_der);

struct certificate *certificate_hold(struct certificate *c);
/* NULL is harmless; for OWNS(). */
void certificate_drop(struct certificate **c);

/* What is presented under some names: at most one certificate of each kind of key. The set stays
 * where it is for the life of its configuration; its contents are swapped. */
struct certificate_set {
    slice name;  /* what the configuration calls it: a host name, or the certificate's file */
    uint32_t id; /* index in the configuration */
    struct certificate *by_kind[KEY_KINDS];
    char *why_none; /* while there is none: what its certifier says; NULL: nothing */
};

/* Keeps a copy of the text; empty: there is nothing to say. Without memory nothing is said. */
void certificate_set_explain(struct certificate_set *set, slice why);

/* Puts it in the place of its kind; takes the caller's reference over. */
void certificate_set_put(struct certificate_set *set, struct certificate *c);
void certificate_set_clear(struct certificate_set *set);
bool certificate_set_is_empty(const struct certificate_set *set);
