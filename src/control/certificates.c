#include "control/certificates.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/panic.h"
#include "certifier/chain.h"
#include "control/absolute_path.h"
#include "control/load_acme.h"
#include "net/remote_key.h"
#include "proxy/tls_settings.h"

/* In front of the name of a set that is none, but a file's revocation lists. */
#define REVOKED_PREFIX "revoked "

static const struct configuration *configuration;
static struct certificate_set **sets; /* by name */
static size_t set_count;

/* --- The wish --------------------------------------------------------------------------------- */

/* What is loaded from the files; NULL: nothing, it is not from files. */
static int add_record(struct certificate_sheet *sheet, const struct tls_identity *identity,
                      struct certificate_record *r, const struct certificate *loaded)
{
    OWNS(chain_free) struct chain *chain = NULL;
    if (identity->host_count > CERTIFICATE_NAMES_MAX)
        return -E2BIG;
    r->set = identity->set.name;
    for (; r->name_count < identity->host_count; r->name_count++)
        r->names[r->name_count] = identity->hosts[r->name_count];
    if (loaded) {
        TRY(chain_from_certificate(loaded, &chain));
        chain_fill_record(chain, r);
    }
    return certificate_sheet_add(sheet, r);
}

static int add_pair(struct certificate_sheet *sheet, const struct tls_identity *identity,
                    const struct tls_pair *pair)
{
    char certificate[PATH_MAX], key[PATH_MAX];
    struct certificate_record r = { .source = CERTIFICATE_FROM_FILES };
    TRY(absolute_path(pair->certificate, certificate, &r.certificate_path));
    TRY(absolute_path(pair->key, key, &r.key_path));
    return add_record(sheet, identity, &r, pair->loaded);
}

static int add_identity(struct certificate_sheet *sheet, const struct tls_identity *identity)
{
    struct certificate_record r = { .source = identity->kind == TLS_LOCAL ? CERTIFICATE_FROM_LOCAL
                                                                          : CERTIFICATE_FROM_ACME };
    if (identity->kind != TLS_FILES)
        return add_record(sheet, identity, &r, NULL);
    for (uint32_t i = 0; i < identity->pair_count; i++)
        TRY(add_pair(sheet, identity, &identity->pairs[i]));
    return 0;
}

/* Lists of certificates that were taken back; two contexts may name the same file. */
static int add_crls(struct certificate_sheet *sheet, const struct tls_crl_files *crls)
{
    for (uint32_t i = 0; i < crls->count; i++) {
        char path[PATH_MAX], name[PATH_MAX + sizeof REVOKED_PREFIX];
        struct certificate_record r = { .source = REVOKED_FROM_FILE };
        TRY(absolute_path(crls->all[i].path, path, &r.certificate_path));
        struct writer w = writer_over(name, sizeof name);
        writer_literal(&w, REVOKED_PREFIX);
        writer_slice_add(&w, crls->all[i].path);
        r.set = writer_slice(&w);
        r.lists_hash = slice_of((const char *)crls->all[i].hash, sizeof crls->all[i].hash);
        TRY(certificate_sheet_add(sheet, &r));
    }
    return 0;
}

/* Whom to ask for those of `tls auto`, in a record without names. */
static int add_settings(struct certificate_sheet *sheet, const struct configuration *c)
{
    struct arena arena;
    struct certificate_record r = { .set = SLICE("acme"), .source = CERTIFICATE_FROM_ACME };
    arena_open(&arena, NULL, 0, 32768, 131072);
    int result = load_acme_text(c, &arena, &r.settings);
    if (result == 0 && r.settings.len)
        result = certificate_sheet_add(sheet, &r);
    OPENSSL_cleanse((void *)(uintptr_t)r.settings.ptr, r.settings.len); /* a CA's secret is in it */
    arena_close(&arena);
    return result;
}

int certificates_write_wish(const struct configuration *c)
{
    OWNS(certificate_sheet_close) struct certificate_sheet sheet = { .fd = -1 };
    if (!c->tls_identities)
        return -ENOENT;
    TRY(certificate_sheet_open(&sheet));
    for (const struct tls_identity *i = c->tls_identities; i; i = i->next)
        TRY(add_identity(&sheet, i));
    for (const struct tls_made_context *m = c->tls_contexts; m; m = m->next)
        TRY(add_crls(&sheet, &m->crls));
    TRY(add_settings(&sheet, c));
    return certificate_sheet_seal(&sheet);
}

/* --- The table -------------------------------------------------------------------------------- */

static int compare_sets(const void *a, const void *b)
{
    const struct certificate_set *const *left = a, *const *right = b;
    return slice_compare((*left)->name, (*right)->name);
}

int certificates_open(const struct configuration *c)
{
    configuration = c;
    sets = calloc(c->tls_identity_count + 1, sizeof(struct certificate_set *));
    if (!sets)
        return -ENOMEM;
    for (struct tls_identity *i = c->tls_identities; i; i = i->next) {
        ASSERT(set_count < c->tls_identity_count);
        sets[set_count++] = &i->set;
    }
    qsort(sets, set_count, sizeof(struct certificate_set *), compare_sets);
    return 0;
}

void certificates_close(void)
{
    free(sets);
    sets = NULL;
    set_count = 0;
}

/* The place of the first set of that name; two sites may name the same files. set_count: none. */
static size_t find_sets(slice name)
{
    size_t low = 0, high = set_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slice_compare(sets[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set_count && slice_equal(sets[low]->name, name) ? low : set_count;
}

/* --- Applying --------------------------------------------------------------------------------- */

static int make(const struct certificate_record *r, struct certificate **ret, const char **ret_why)
{
    EVP_PKEY *key = remote_key_make(r->key_id, r->spki);
    if (!key) {
        *ret_why = "its key is of an unknown kind";
        return -EINVAL;
    }
    return certificate_record_make(r, key, ret, ret_why);
}

/* What a sheet has of a set so far. */
struct mention {
    unsigned kinds;  /* bit i: a certificate with a key of kind i */
    bool is_partial; /* one of them cannot be presented: the others stay as they are */
};

static void explain(struct certificate_set *set, slice why)
{
    if (certificate_set_is_empty(set))
        certificate_set_explain(set, why);
}

/* One that cannot be used changes nothing. */
static void apply(const struct certificate_record *r,
                  int (*hold_key)(const struct certificate_record *r), struct mention *mentions,
                  struct certificates_applied *ret)
{
    size_t first = find_sets(r->set);
    OWNS(certificate_drop) struct certificate *c = NULL;
    const char *why = "";
    if (first == set_count)
        return; /* of another configuration */
    int result = r->chain_count && hold_key ? hold_key(r) : 0;
    if (result != 0)
        why = "the keyholder cannot load its key";
    else if (r->chain_count)
        result = make(r, &c, &why);
    if (result != 0) {
        log_error("the certificate for %.*s cannot be presented: %s", SLICE_ARGUMENTS(r->set), why);
        mentions[first].is_partial = true;
        ret->refused++;
        return;
    }
    ret->replaced += c != NULL;
    if (c)
        mentions[first].kinds |= 1u << c->kind;
    for (size_t i = first; i < set_count && slice_equal(sets[i]->name, r->set); i++)
        if (c)
            certificate_set_put(sets[i], certificate_hold(c));
        else
            explain(sets[i], r->error);
}

/* Sessions that were judged by the lists of before are not resumed. Each process that serves does
 * the same with the same texts, so that a session is good in all workers. */
static void bind_sessions_anew(const struct tls_made_context *made, slice lists)
{
    for (uint32_t i = 0; i < configuration->site_count; i++) {
        struct site_tls *tls = &configuration->sites[i].tls;
        if (tls->made == made)
            tls_session_context_mix(tls->session_context, lists);
    }
}

/* New revocation lists. Those that cannot be used change nothing. */
static void apply_lists(const struct certificate_record *r, struct certificates_applied *ret)
{
    slice path = slice_after(r->set, sizeof REVOKED_PREFIX - 1);
    const struct tls_crl_text text = { path, r->lists };
    for (struct tls_made_context *m = configuration->tls_contexts; m && r->lists.len; m = m->next) {
        char memory[256];
        struct writer why = writer_over(memory, sizeof memory);
        int result = tls_trust_replace(m->context, &m->crls, &text, &why);
        if (result == 0)
            bind_sessions_anew(m, r->lists);
        else if (result != -ENOENT)
            (void)snprintf(ret->lists_error, sizeof ret->lists_error,
                           "cannot use revocation list \"%.*s\": %.*s; the one in force stays",
                           (int)(path.len < 200 ? path.len : 200), path.ptr,
                           result == -EINVAL ? (int)why.len : 6,
                           result == -EINVAL ? why.ptr : "memory");
    }
}

/* A certificate was replaced by one with a key of another kind: the old one goes. */
static void drop_unmentioned(const struct mention *mentions)
{
    const struct mention *m = NULL;
    for (size_t i = 0; i < set_count; i++) {
        if (i == 0 || !slice_equal(sets[i]->name, sets[i - 1]->name))
            m = &mentions[i];
        for (int kind = 0; kind < KEY_KINDS && m->kinds && !m->is_partial; kind++)
            if (!(m->kinds & 1u << kind))
                certificate_drop(&sets[i]->by_kind[kind]);
    }
}

static void free_mentions(struct mention **mentions)
{
    free(*mentions);
}

int certificates_apply(int fd, int (*hold_key)(const struct certificate_record *r),
                       struct certificates_applied *ret)
{
    OWNS(certificate_sheet_unmap) slice sheet = { 0 };
    OWNS(free_mentions) struct mention *mentions = calloc(set_count + 1, sizeof *mentions);
    struct certificate_reader reader;
    struct certificate_record record;
    int result;
    *ret = (struct certificates_applied){ 0 };
    if (!mentions)
        return -ENOMEM;
    TRY(certificate_sheet_map(fd, &sheet));
    TRY(certificate_reader_open(&reader, sheet));
    while ((result = certificate_reader_next(&reader, &record)) == 1)
        if (record.source == REVOKED_FROM_FILE)
            apply_lists(&record, ret);
        else
            apply(&record, hold_key, mentions, ret);
    drop_unmentioned(mentions);
    return result;
}
