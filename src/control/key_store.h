/* The private keys that the keyholder has: found by id, held by families of channels, freed when
 * nobody holds them. Nothing outside the keyholder process uses this. */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>

#include "net/key_protocol.h"
#include "net/remote_key.h"

#define KEYS_MAX 200000u /* of one family */

struct held_key {
    struct held_key *next; /* of the same bucket */
    uint64_t id;
    EVP_PKEY *key;
    uint32_t holds;  /* families */
    bool is_for_tls; /* handshakes may be signed with it */
    uint8_t *spki;
    uint32_t spki_bytes;
};

/* Channels that were opened from one another; what is loaded on one of them is there as long as any
 * of them is. */
struct key_family {
    uint32_t channels;
    uint64_t *ids;
    uint32_t count, capacity;
};

/* A family with one channel; NULL: out of memory. */
struct key_family *key_family_make(void);
void key_family_join(struct key_family *f);
/* One of its channels has gone; the last one frees it, and what only it held. */
void key_family_leave(struct key_family *f);

/* Takes `key` over, also on failure; the key that was there already stays when it is the same.
 * spki: its public half as a certificate has it, which may be written in more than one way (the
 * id follows from the bytes); empty: as OpenSSL writes it.
 * 0 · -ENOSPC · -ENOMEM */
struct key_to_hold {
    EVP_PKEY *key;
    slice spki;
    bool is_for_tls;
};
MUST_CHECK int key_store_put(struct key_family *f, const struct key_to_hold *what,
                             const struct held_key **ret);
const struct held_key *key_store_find(uint64_t id); /* NULL: none */
/* The family holds it no more; -ENOENT it did not. */
MUST_CHECK int key_store_forget(struct key_family *f, uint64_t id);
uint32_t key_store_count(void);

/* One signature of `text`. 0 · -EACCES the scheme is not for this kind of key, or has no digest
 * that TLS allows with it · -EIO OpenSSL failed */
MUST_CHECK int key_store_sign(const struct held_key *k, enum key_scheme scheme, slice text,
                              struct key_signature *ret);
