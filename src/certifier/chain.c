#include "certifier/chain.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "net/key_protocol.h"

static void free_der(unsigned char **der)
{
    OPENSSL_free(*der);
}

static void describe_issuer(X509 *leaf, char *to, size_t room)
{
    const X509_NAME *name = X509_get_issuer_name(leaf);
    if (X509_NAME_get_text_by_NID(name, NID_commonName, to, (int)room) <= 0 &&
        X509_NAME_get_text_by_NID(name, NID_organizationName, to, (int)room) <= 0)
        to[0] = '\0';
    for (char *c = to; *c; c++) /* it is shown on terminals and in logs */
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

static void note_hash(struct chain *c)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)c->der[0].ptr, c->der[0].len, hash);
    struct writer w = writer_over(c->hash, sizeof c->hash - 1);
    writer_hex_bytes(&w, hash, CHAIN_HASH_BYTES);
    c->hash[w.len] = '\0';
}

/* The parts of a chain while it is made. */
struct parts {
    const slice *der;
    uint32_t count, name_count;
    slice spki, names[CHAIN_NAMES_MAX];
};

/* DNS names; addresses are told by nobody who asks for names. */
static void note_names(const GENERAL_NAMES *names, struct parts *p)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && p->name_count < CHAIN_NAMES_MAX; i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        if (type == GEN_DNS)
            p->names[p->name_count++] = slice_of((const char *)ASN1_STRING_get0_data(value),
                                                 (size_t)ASN1_STRING_length(value));
    }
}

static slice keep(char **at, slice from)
{
    slice kept = slice_of(*at, from.len);
    memcpy(*at, from.ptr, from.len);
    *at += from.len;
    return kept;
}

/* Copies all into one allocation. */
static struct chain *gather(const struct parts *p)
{
    size_t bytes = p->spki.len;
    for (uint32_t i = 0; i < p->count; i++)
        bytes += p->der[i].len;
    for (uint32_t i = 0; i < p->name_count; i++)
        bytes += p->names[i].len;
    struct chain *c = malloc(sizeof *c + bytes);
    if (!c)
        return NULL;
    memset(c, 0, sizeof *c);
    char *at = c->memory;
    for (; c->count < p->count; c->count++)
        c->der[c->count] = keep(&at, p->der[c->count]);
    c->spki = keep(&at, p->spki);
    for (; c->name_count < p->name_count; c->name_count++)
        c->names[c->name_count] = keep(&at, p->names[c->name_count]);
    return c;
}

static void free_names(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

static int make(const slice *der, uint32_t count, const struct certificate *facts,
                struct chain **ret)
{
    OWNS(free_der) unsigned char *spki = NULL;
    struct parts p = { .der = der, .count = count };
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(facts->leaf), &spki);
    if (length <= 0)
        return -ENOMEM;
    OWNS(free_names)
    GENERAL_NAMES *names = X509_get_ext_d2i(facts->leaf, NID_subject_alt_name, NULL, NULL);
    note_names(names, &p);
    p.spki = slice_of((const char *)spki, (size_t)length);
    struct chain *c = gather(&p);
    if (!c)
        return -ENOMEM;
    c->key_id = key_id_of(c->spki);
    c->kind = facts->kind;
    c->must_staple = facts->must_staple;
    c->not_before_s = facts->not_before_s;
    c->not_after_s = facts->not_after_s;
    describe_issuer(facts->leaf, c->issuer, sizeof c->issuer);
    note_hash(c);
    *ret = c;
    return 0;
}

int chain_from_record(const struct certificate_record *r, struct chain **ret, const char **ret_why)
{
    OWNS(certificate_drop) struct certificate *facts = NULL;
    struct certificate_record bare = *r;
    bare.ocsp = (slice){ 0 };
    TRY(certificate_record_make(&bare, NULL, &facts, ret_why));
    return make(r->chain, r->chain_count, facts, ret);
}

/* The encodings of all, in a row; freed by free_encodings. */
struct encodings {
    slice der[CERTIFICATE_CHAIN_MAX];
    uint32_t count;
};

static void free_encodings(struct encodings *e)
{
    for (uint32_t i = 0; i < e->count; i++)
        OPENSSL_free((void *)(uintptr_t)e->der[i].ptr);
}

static int encode(struct encodings *e, X509 *x)
{
    unsigned char *der = NULL;
    int length = i2d_X509(x, &der);
    if (length <= 0)
        return -ENOMEM;
    e->der[e->count++] = slice_of((char *)der, (size_t)length);
    return 0;
}

int chain_from_certificate(const struct certificate *from, struct chain **ret)
{
    OWNS(free_encodings) struct encodings all = { .count = 0 };
    if (sk_X509_num(from->chain) >= (int)CERTIFICATE_CHAIN_MAX)
        return -E2BIG;
    TRY(encode(&all, from->leaf));
    for (int i = 0; i < sk_X509_num(from->chain); i++)
        TRY(encode(&all, sk_X509_value(from->chain, i)));
    return make(all.der, all.count, from, ret);
}

int chain_from_pem(slice pem, struct chain **ret, const char **ret_why)
{
    OWNS(certificate_drop) struct certificate *facts = NULL;
    TRY(certificate_from_pem(pem, NULL, &facts, ret_why));
    int result = chain_from_certificate(facts, ret);
    if (result != -E2BIG)
        return result;
    *ret_why = "there are more than 10 certificates in it";
    return -EINVAL;
}

int chain_from_leaf(X509 *leaf, X509 *issuer, struct chain **ret, const char **ret_why)
{
    OWNS(free_encodings) struct encodings all = { .count = 0 };
    struct certificate_record r = { 0 };
    TRY(encode(&all, leaf));
    if (issuer)
        TRY(encode(&all, issuer));
    memcpy(r.chain, all.der, sizeof r.chain);
    r.chain_count = all.count;
    return chain_from_record(&r, ret, ret_why);
}

void chain_free(struct chain **c)
{
    free(*c);
    *c = NULL;
}

bool chain_equal(const struct chain *a, const struct chain *b)
{
    if (!a || !b || a->count != b->count)
        return a == b;
    for (uint32_t i = 0; i < a->count; i++)
        if (!slice_equal(a->der[i], b->der[i]))
            return false;
    return true;
}

X509 *chain_parse(const struct chain *c, uint32_t number)
{
    if (number >= c->count)
        return NULL;
    const unsigned char *at = (const unsigned char *)c->der[number].ptr;
    ERR_clear_error();
    return d2i_X509(NULL, &at, (long)c->der[number].len);
}

void chain_fill_record(const struct chain *c, struct certificate_record *r)
{
    r->key_id = c->key_id;
    r->spki = c->spki;
    memcpy(r->chain, c->der, sizeof r->chain);
    r->chain_count = c->count;
}

int chain_write_pem(const struct chain *c, struct writer *w)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int result = bio ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < c->count && result == 0; i++)
        if (!PEM_write_bio(bio, PEM_STRING_X509, "", (const unsigned char *)c->der[i].ptr,
                           (long)c->der[i].len))
            result = -ENOMEM;
    char *text = NULL;
    long length = result == 0 ? BIO_get_mem_data(bio, &text) : 0;
    if (length > 0)
        writer_bytes(w, text, (size_t)length);
    BIO_free(bio);
    return result;
}
