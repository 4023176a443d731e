/* A certificate with its chain as the certifier keeps it: the bytes, and what has to be known of
 * them again and again. Parsed objects are several times larger, and there can be 10,000.
 * Immutable; one allocation. */
#pragma once

#include "base/writer.h"
#include "net/certificate_record.h"

#define CHAIN_NAMES_MAX  20u
#define CHAIN_HASH_BYTES 16u /* of the leaf's SHA-256: its name for people and files, in hex */

struct chain {
    uint64_t key_id; /* in the keyholder */
    enum key_kind kind;
    bool must_staple;
    int64_t not_before_s, not_after_s;
    uint32_t count;                   /* certificates, the leaf included */
    slice der[CERTIFICATE_CHAIN_MAX]; /* the leaf first */
    slice spki;                       /* of the leaf, DER */
    slice names[CHAIN_NAMES_MAX];     /* the first host names that it is for */
    uint32_t name_count;
    char hash[2 * CHAIN_HASH_BYTES + 1];
    char issuer[96]; /* common name, or organisation; for people */
    char memory[];
};

/* From a file's text. 0 · -EINVAL *ret_why is a static text · -ENOMEM */
MUST_CHECK int chain_from_pem(slice pem, struct chain **ret, const char **ret_why);
/* From the certificates of a record, which has some. */
MUST_CHECK int chain_from_record(const struct certificate_record *r, struct chain **ret,
                                 const char **ret_why);
/* From one that is presented. 0 · -ENOMEM · -E2BIG more than CERTIFICATE_CHAIN_MAX */
MUST_CHECK int chain_from_certificate(const struct certificate *from, struct chain **ret);
/* From a parsed leaf and the only certificate behind it, NULL: none. Does not take them over. */
MUST_CHECK int chain_from_leaf(X509 *leaf, X509 *issuer, struct chain **ret, const char **ret_why);

void chain_free(struct chain **c); /* for OWNS() */
bool chain_equal(const struct chain *a, const struct chain *b);

/* The number-th certificate, parsed; NULL: there is none, or no memory. The caller's to free. */
X509 *chain_parse(const struct chain *c, uint32_t number);

/* Puts what it holds into a record. */
void chain_fill_record(const struct chain *c, struct certificate_record *r);
/* Appends it as PEM. */
MUST_CHECK int chain_write_pem(const struct chain *c, struct writer *w);
