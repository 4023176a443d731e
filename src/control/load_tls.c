/* TLS towards clients: certificate files, their keys, contexts, and what each site has of them. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "acme/settings.h"
#include "control/loader.h"
#include "net/remote_key.h"
#include "net/x509_text.h"

#define PEM_BYTES_MAX (1u << 20)
#define WHY_BYTES     (KEY_TEXT_MAX + 1u)

/* Two files cannot be replaced at once: for how long after a change the other one is awaited. */
#define PAIR_FRESH_MS  10000
#define PAIR_PAUSE_MS  50
#define PAIR_PAUSE_MAX 20u /* of a load, whatever the number of its pairs */

/* --- Files ------------------------------------------------------------------------------------ */

static void report(struct loader *l, enum diagnostic_code code, const struct word *word, slice path,
                   const char *why)
{
    struct diagnostic *item = diagnostics_add(
        l->diagnostics, code, &word->span, "cannot %s '%.*s': %s", code == E0501 ? "read" : "use",
        SLICE_ARGUMENTS(word_shown(word, path)), why);
    diagnostic_label(l->diagnostics, item, "named here");
}

static bool is_fresh(struct loader *l, slice path)
{
    struct stat status;
    const char *name = arena_text(&l->scratch, path);
    if (!name || stat(name, &status) != 0)
        return false;
    /* of the inode: a file that was renamed may have been written long ago */
    int64_t changed_ms = (int64_t)status.st_ctim.tv_sec * 1000 + status.st_ctim.tv_nsec / 1000000;
    int64_t age_ms = clock_wall_ms() - changed_ms;
    return age_ms < PAIR_FRESH_MS && age_ms > -PAIR_FRESH_MS;
}

/* Its halves do not belong together. True: one of them has just been replaced, and the other one
 * may have been meanwhile. */
static bool await_pair(struct loader *l, const struct argument_value *words)
{
    const struct timespec pause = { .tv_nsec = PAIR_PAUSE_MS * 1000000l };
    if (l->pair_pauses == PAIR_PAUSE_MAX ||
        (!is_fresh(l, words->texts[0]) && !is_fresh(l, words->texts[1])))
        return false;
    l->pair_pauses++;
    (void)nanosleep(&pause, NULL);
    return true;
}

/* The private half of the leaf's key: the keyholder opens it.
 * 0 · -EAGAIN the pair is to be read again · -EINVAL reported · -ENOMEM */
static int load_key(struct loader *l, const struct argument_value *words, const X509 *leaf,
                    EVP_PKEY **ret)
{
    const struct load_hooks *hooks = l->options->hooks;
    const struct word *word = &words->words[1];
    slice path = words->texts[1];
    if (!hooks || !hooks->load_key) {
        *ret = X509_get0_pubkey(leaf);
        EVP_PKEY_up_ref(*ret);
        return 0;
    }
    uint8_t *spki = NULL;
    char why[WHY_BYTES];
    struct writer w = writer_over(why, sizeof why - 1);
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki);
    slice public_part = slice_of((const char *)spki, length > 0 ? (size_t)length : 0);
    int error = length > 0 ? hooks->load_key(hooks->context, path, public_part, &w) : -ENOMEM;
    why[w.len] = '\0';
    EVP_PKEY *key =
        error == 0 ? remote_key_around(key_id_of(public_part), X509_get0_pubkey(leaf)) : NULL;
    OPENSSL_free(spki);
    if (error == -EKEYREJECTED && await_pair(l, words))
        return -EAGAIN;
    if (!key) {
        report(l, E0504, word, path, error ? why : "its key is of a kind that is not taken");
        return l->diagnostics->out_of_memory ? -ENOMEM : -EINVAL;
    }
    if (w.len)
        diagnostics_add(l->diagnostics, W0708, &word->span, "the key '%.*s': %s",
                        SLICE_ARGUMENTS(word_shown(word, path)), why);
    *ret = key;
    return 0;
}

static void report_times(struct loader *l, const struct word *word, slice path, const X509 *leaf)
{
    char memory[64];
    struct writer w = writer_over(memory, sizeof memory);
    bool is_early = X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0;
    if (!is_early && X509_cmp_current_time(X509_get0_notAfter(leaf)) >= 0)
        return;
    x509_write_time(&w, is_early ? X509_get0_notBefore(leaf) : X509_get0_notAfter(leaf));
    struct diagnostic *item = diagnostics_add(
        l->diagnostics, W0712, &word->span, "the certificate '%.*s' %s on %.*s",
        SLICE_ARGUMENTS(word_shown(word, path)), is_early ? "begins" : "ended", (int)w.len, w.ptr);
    diagnostic_label(l->diagnostics, item, "whoever is shown it refuses it");
}

/* 0 · -EINVAL reported · -EAGAIN it is being replaced · -ENOMEM */
static int read_pair(struct loader *l, const struct argument_value *words, struct certificate **ret)
{
    const char *why = NULL;
    EVP_PKEY *key = NULL;
    slice pem, path = words->texts[0];
    const struct reader *reader = l->files.reader;
    int error = reader->read_file(reader->context, &l->scratch, path, PEM_BYTES_MAX, &pem);
    if (error == -ENOMEM)
        return error;
    if (error) {
        report(l, E0501, &words->words[0], path, file_problem(error));
        return -EINVAL;
    }
    OWNS(certificate_drop) struct certificate *look = NULL;
    error = certificate_from_pem(pem, NULL, &look, &why);
    if (error == -EINVAL)
        report(l, E0504, &words->words[0], path, why);
    TRY(error);
    TRY(load_key(l, words, look->leaf, &key));
    certificate_take_key(look, key); /* it was made from the leaf's public half */
    report_times(l, &words->words[0], path, look->leaf);
    *ret = look;
    look = NULL;
    return 0;
}

/* The certificate of two files. *ret stays NULL when something was reported. */
static int load_pair(struct loader *l, const struct argument_value *words, struct certificate **ret)
{
    int result;
    while ((result = read_pair(l, words, ret)) == -EAGAIN)
        continue; /* at most PAIR_PAUSE_MAX times */
    return result == -EINVAL ? 0 : result;
}

static int pair_name(struct loader *l, const struct argument_value *words, slice *ret)
{
    size_t room = words->texts[0].len + words->texts[1].len + 1;
    char *memory = arena_take(&l->c->arena, room);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, room);
    writer_slice_add(&w, words->texts[0]);
    writer_byte(&w, '\n');
    writer_slice_add(&w, words->texts[1]);
    *ret = writer_slice(&w);
    return 0;
}

int load_find_certificate(struct loader *l, const struct argument_value *words,
                          struct certificate **ret)
{
    slice name;
    TRY(pair_name(l, words, &name));
    *ret = name_map_find(&l->certificates, name);
    if (*ret) {
        certificate_hold(*ret);
        return 0;
    }
    TRY(load_pair(l, words, ret));
    return *ret ? name_map_add(&l->certificates, name, *ret) : 0;
}

/* --- Identities ------------------------------------------------------------------------------- */

struct tls_identity *load_new_identity(struct loader *l, enum tls_kind kind, slice name)
{
    struct configuration *c = l->c;
    struct tls_identity *identity = arena_take(&c->arena, sizeof *identity);
    if (!identity)
        return NULL;
    *identity = (struct tls_identity){ .kind = kind, .next = c->tls_identities };
    identity->set.name = name;
    identity->set.id = c->tls_identity_count++;
    c->tls_identities = identity;
    return identity;
}

static void report_kind_twice(struct loader *l, const struct argument_value *words)
{
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0406, &words->words[0].span,
                        "there is another certificate with a key of this kind in the same place");
    diagnostic_label(l->diagnostics, item, "second one");
    diagnostic_help(l->diagnostics, item,
                    "two stand side by side when one has an ECDSA key and one an RSA key");
}

/* Another list of files is another set. */
static int name_both(struct loader *l, struct certificate_set *set, slice second)
{
    size_t room = set->name.len + second.len + 1;
    char *memory = arena_take(&l->c->arena, room);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, room);
    writer_slice_add(&w, set->name);
    writer_byte(&w, ' ');
    writer_slice_add(&w, second);
    set->name = writer_slice(&w);
    return 0;
}

int load_add_certificate(void *context, const struct option_apply *a, bool is_first)
{
    struct loader *l = context;
    struct tls_settings *t = a->object;
    const struct argument_value *words = option_argument(a, 0);
    struct certificate *c = NULL;
    TRY(load_find_certificate(l, words, &c));
    if (!c)
        return -EINVAL; /* reported */
    struct tls_pair pair = { arena_copy(a->arena, words->texts[0]),
                             arena_copy(a->arena, words->texts[1]), c };
    if (is_first)
        t->identity = load_new_identity(l, TLS_FILES, pair.certificate);
    if (!pair.certificate.ptr || !pair.key.ptr || !t->identity) {
        certificate_drop(&c);
        return -ENOMEM;
    }
    if (t->identity->set.by_kind[c->kind]) {
        certificate_drop(&c);
        report_kind_twice(l, words);
        return -EINVAL;
    }
    certificate_set_put(&t->identity->set, c);
    if (!is_first)
        TRY(name_both(l, &t->identity->set, pair.certificate));
    return option_append(a->arena, OPTION_ARRAY(t->identity->pairs, t->identity->pair_count), &pair,
                         1);
}

/* --- Contexts --------------------------------------------------------------------------------- */

/* All settings of a policy as one text: equal texts share one context. */
static int policy_name(struct loader *l, const struct tls_settings *t,
                       const struct auth_settings *auth, slice *ret)
{
    char text[4096];
    struct writer w = writer_over(text, sizeof text);
    writer_format(&w, "%d\n%d\n%s\n%s\n%s", t->needs_1_3, t->takes_early,
                  t->ciphers ? t->ciphers : "", t->suites ? t->suites : "",
                  t->groups ? t->groups : "");
    TRY(load_auth_name(auth, &w));
    if (w.overflowed)
        return -ENOMEM;
    *ret = arena_copy(&l->scratch, writer_slice(&w));
    return ret->ptr ? 0 : -ENOMEM;
}

/* Linked at once: what it holds is freed with the configuration. */
static struct tls_made_context *new_context(struct loader *l)
{
    struct tls_made_context *made = arena_take(&l->c->arena, sizeof *made);
    if (!made)
        return NULL;
    *made = (struct tls_made_context){ .next = l->c->tls_contexts };
    l->c->tls_contexts = made;
    return made;
}

static int make_context(struct loader *l, const struct tls_settings *t,
                        const struct auth_settings *auth, struct tls_made_context *made,
                        const char **ret_why)
{
    OWNS(load_auth_policy_free)
    struct tls_policy policy = { .needs_1_3 = t->needs_1_3,
                                 .ciphers = t->ciphers,
                                 .suites = t->suites,
                                 .groups = t->groups,
                                 .takes_early = t->takes_early };
    TRY(load_auth_policy(auth, &l->c->arena, &policy, &made->crls));
    return tls_server_context(&policy, &made->context, ret_why);
}

/* name: of the policy, see policy_name */
static int find_context(struct loader *l, struct site_draft *draft, const struct tls_settings *t,
                        const struct auth_settings *auth, slice name)
{
    const char *why = NULL;
    struct tls_made_context *made = name_map_find(&l->tls_policies, name);
    if (!made) {
        made = new_context(l);
        if (!made)
            return -ENOMEM;
        int error = make_context(l, t, auth, made, &why);
        if (error == -EINVAL && !why)
            return 0; /* a file of `auth`: reported where it is named */
        if (error == -EINVAL) {
            struct span where = statement_span(draft->statement);
            diagnostics_add(l->diagnostics, E0504, &where, "the 'tls' settings in force here: %s",
                            why);
            return 0;
        }
        TRY(error);
        TRY(name_map_add(&l->tls_policies, name, made));
    }
    draft->site->tls.made = made;
    return 0;
}

/* --- Sites ------------------------------------------------------------------------------------ */

/* Where sessions may be resumed: the same site with the same policy, in every generation. */
static void bind_sessions(const struct site *site, slice policy, uint8_t *ret)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    unsigned length;
    memset(ret, 0, TLS_SESSION_CONTEXT_BYTES);
    if (digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1) {
        (void)EVP_DigestUpdate(digest, site->name.ptr, site->name.len);
        (void)EVP_DigestUpdate(digest, "\n", 1);
        (void)EVP_DigestUpdate(digest, policy.ptr, policy.len);
        (void)EVP_DigestFinal_ex(digest, ret, &length);
    }
    EVP_MD_CTX_free(digest);
}

static uint64_t tls_listeners(const struct configuration *c)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < c->listen_count; i++)
        if (c->listens[i].is_tls)
            mask |= 1ull << i;
    return mask;
}

/* The first TLS listener that serves the site. */
static const struct listen *https_listen(const struct configuration *c, const struct site *site)
{
    for (uint32_t i = 0; i < c->listen_count; i++)
        if (c->listens[i].is_tls && (site->listener_mask & (1ull << i)) &&
            c->listens[i].address.any.sa_family != AF_UNIX)
            return &c->listens[i];
    return NULL;
}

static int note_default(struct loader *l, const struct site_draft *draft,
                        const struct tls_settings *t)
{
    if (!t->is_default)
        return 0;
    if (!l->c->tls_default) {
        l->c->tls_default = draft->site;
        return 0;
    }
    struct span where = statement_span(draft->statement);
    struct diagnostic *item = diagnostics_add(l->diagnostics, E0406, &where,
                                              "another site has the default certificate already");
    diagnostic_label(l->diagnostics, item, "second 'tls ... default'");
    return 0;
}

static int report_no_acme(struct loader *l, const struct site_draft *draft)
{
    struct span where = statement_span(draft->statement);
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0416, &where,
                        "site '%.*s' has 'tls auto', but no authority is to be asked",
                        SLICE_ARGUMENTS(draft->site->name));
    diagnostic_help(l->diagnostics, item,
                    "write 'acme { contact you@example.com }' at the top level: it also says that "
                    "you agree to the terms of the authority");
    return 0;
}

/* The first name that stands for all below it; NULL: none. */
static const slice *find_wildcard(const struct site *site)
{
    for (uint32_t i = 0; i < site->host_count; i++)
        if (slice_starts_with(site->hosts[i], SLICE(".")))
            return &site->hosts[i];
    return NULL;
}

static int report_no_hook(struct loader *l, const struct site_draft *draft, slice name)
{
    struct span where = statement_span(draft->statement);
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0416, &where,
                        "an authority proves '*%.*s' by DNS only (DNS-01), and 'acme' has no way "
                        "to set a record",
                        SLICE_ARGUMENTS(name));
    diagnostic_help(l->diagnostics, item,
                    "write 'dns hook PROGRAM' into 'acme', or 'tls CERT.pem KEY.pem'");
    return 0;
}

int load_site_tls(struct loader *l, struct site_draft *draft, const struct blocks *own)
{
    struct site *site = draft->site;
    const struct tls_settings *t = own->all[FEATURE_TLS];
    const struct auth_settings *auth;
    slice policy;
    site->tls.settings = t;
    enum tls_kind kind = t->kind;
    if (kind == TLS_UNSET && (site->listener_mask & tls_listeners(l->c)) &&
        load_site_is_local(site))
        kind = TLS_LOCAL;
    else if (kind == TLS_UNSET && (site->listener_mask & tls_listeners(l->c)) &&
             load_site_is_public(l->c, site))
        kind = TLS_AUTO;
    if (kind == TLS_AUTO && !l->c->acme)
        return report_no_acme(l, draft);
    const slice *wildcard = find_wildcard(site);
    if (kind == TLS_AUTO && wildcard && !l->c->acme->hook.len)
        return report_no_hook(l, draft, *wildcard);
    if (kind == TLS_LOCAL || kind == TLS_AUTO)
        TRY(load_named_identity(l, draft, kind, &site->tls.identity));
    else if (kind == TLS_FILES)
        site->tls.identity = t->identity;
    TRY(load_site_auth(l, draft, &auth));
    if (!site->tls.identity)
        return 0;
    TRY(policy_name(l, t, auth, &policy));
    bind_sessions(site, policy, site->tls.session_context);
    site->tls.https = https_listen(l->c, site);
    if (kind == TLS_FILES)
        load_check_names(l, draft);
    TRY(note_default(l, draft, t));
    return find_context(l, draft, t, auth, policy);
}

static void report_no_certificate(struct loader *l, const struct site_draft *draft)
{
    struct span where = statement_span(draft->statement);
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0416, &where, "site '%.*s' has no certificate",
                        SLICE_ARGUMENTS(draft->site->name));
    diagnostic_label(l->diagnostics, item, "served on a listener with TLS");
    diagnostic_help(l->diagnostics, item,
                    "write 'tls CERT.pem KEY.pem', or 'tls off' to serve it on the others only%s",
                    find_wildcard(draft->site) && l->c->acme
                        ? "; an authority proves names with * by DNS only: 'dns hook PROGRAM' in "
                          "'acme'"
                        : "");
}

static void report_unseen(struct loader *l, const struct statement *s, const char *what)
{
    struct span where = statement_span(s);
    struct diagnostic *item = diagnostics_add(l->diagnostics, W0711, &where, "%s", what);
    diagnostic_label(l->diagnostics, item, "plain HTTP only");
    diagnostic_help(l->diagnostics, item, "write 'tls' behind an address:  listen :443 tls");
}

static const struct statement *find_acme(const struct loader *l)
{
    for (const struct file *f = l->files.first; f; f = f->next)
        for (const struct statement *s = f->tree.root.first; s; s = s->next)
            if (statement_is(s, "acme"))
                return s;
    return NULL;
}

/* Sites that are served with TLS need a certificate; certificates need a listener with TLS. */
void load_check_tls(struct loader *l)
{
    uint64_t tls = tls_listeners(l->c);
    if (l->diagnostics->errors)
        return;
    const struct statement *acme = tls ? NULL : find_acme(l);
    if (acme)
        report_unseen(l, acme, "'acme' is written, and no listener speaks TLS");
    for (uint32_t i = 0; i < l->c->site_count; i++) {
        const struct site *site = l->drafts[i].site;
        bool needs = (site->listener_mask & tls) != 0;
        if (needs && !site->tls.identity && site->tls.settings->kind == TLS_UNSET)
            report_no_certificate(l, &l->drafts[i]);
        const struct statement *own = statement_find(l->drafts[i].statement, "tls");
        if (!(site->listener_mask & tls) && site->tls.identity && own)
            report_unseen(l, own, "'tls' is written, and no listener of this site speaks it");
    }
}

void load_free_tls(struct configuration *c)
{
    for (struct tls_identity *i = c->tls_identities; i; i = i->next)
        certificate_set_clear(&i->set);
    for (struct tls_made_context *m = c->tls_contexts; m; m = m->next) {
        SSL_CTX_free(m->context);
        for (uint32_t i = 0; i < m->crls.count; i++)
            tls_crls_free(&m->crls.all[i].crls);
    }
}
