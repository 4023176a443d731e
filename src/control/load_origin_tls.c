/* TLS towards origins: the files that it names are read and its context is made, once for all
 * origins with the same settings, when all statements of an origin are known. */
#include <errno.h>
#include <stdlib.h>

#include "base/file.h"
#include "control/loader.h"
#include "net/tls_trust.h"
#include "proxy/origin_tls.h"

#define AUTHORITIES_BYTES_MAX (16u << 20)
#define WHY_BYTES             256u

/* A setting inside the `tls` blocks of an origin; NULL: not written. */
static const struct statement *find_setting(const struct statement *origin, const char *name)
{
    for (const struct statement *s = origin ? origin->first : NULL; s; s = s->next) {
        const struct statement *found = statement_is(s, "tls") ? statement_find(s, name) : NULL;
        if (found)
            return found;
    }
    return NULL;
}

/* A file that is named somewhere. */
struct named_file {
    slice path;
    slice shown; /* what may stand in a message */
    struct span where;
};

/* The file of a setting; the path of one that nobody has written is shown as it is. */
static struct named_file name_file(const struct statement *origin, const char *setting, slice path,
                                   const struct span *where)
{
    const struct statement *s = find_setting(origin, setting);
    struct named_file file = { .path = path, .shown = path, .where = *where };
    if (s) {
        file.where = s->arguments[0].span;
        file.shown = word_shown(&s->arguments[0], path);
    }
    return file;
}

/* --- Settings that cannot stand together ---------------------------------------------------------
 */

static bool has_tls_server(const struct origin *o)
{
    for (uint32_t i = 0; i < o->server_count; i++)
        if (o->servers[i].is_tls)
            return true;
    return false;
}

/* Somebody relies on what is written and does not happen. */
static void report_without_effect(struct loader *l, const struct statement *s)
{
    const struct statement *tls = statement_find(s, "tls");
    if (!tls || s->has_broken)
        return;
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0406, &tls->name.span,
                        "'tls' is written, and no server of this origin is spoken to with it");
    diagnostic_label(l->diagnostics, item, "without effect");
    diagnostic_help(l->diagnostics, item,
                    "write the servers with their scheme:  server https://...");
}

static void check_unverified(struct loader *l, const struct statement *s,
                             const struct origin_tls *t)
{
    const struct statement *off = find_setting(s, "verify");
    if (!t->is_unverified || !off)
        return;
    struct span where = statement_span(off);
    const char *other = t->pin_count ? "pin" : t->ca.len ? "ca" : NULL;
    if (other) {
        struct diagnostic *item = diagnostics_add(
            l->diagnostics, E0406, &where, "'verify off' and '%s' contradict each other", other);
        diagnostic_label(l->diagnostics, item, "would make '%s' mean nothing", other);
        diagnostic_help(l->diagnostics, item, "keep '%s' alone: it is enough", other);
        return;
    }
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, W0705, &where,
                        "the servers of this origin do not have to prove who they are");
    diagnostic_label(l->diagnostics, item, "whoever stands in between can read and change all");
    diagnostic_help(
        l->diagnostics, item,
        "believe the certificate itself:  tls ca FILE   or its key:  tls pin sha256/...");
}

/* A socket of the file system has no name that a certificate could be for. */
static void check_names(struct loader *l, const struct origin *o, const struct span *where)
{
    const struct origin_tls *t = o->tls;
    if (!origin_tls_uses_authorities(t) || t->name.len || !ip_is_none(t->ip))
        return;
    for (uint32_t i = 0; i < o->server_count; i++) {
        const struct server *server = &o->servers[i];
        if (!server->is_tls || server->is_name || server->address.any.sa_family != AF_UNIX)
            continue;
        struct diagnostic *item =
            diagnostics_add(l->diagnostics, E0404, where,
                            "the server '%.*s' has no name that its certificate could be for",
                            SLICE_ARGUMENTS(server->text));
        diagnostic_label(l->diagnostics, item, "no 'tls name' inside");
        diagnostic_help(l->diagnostics, item, "for example:  tls name origin.internal");
        return;
    }
}

/* --- Files ----------------------------------------------------------------------------------- */

static void report_file(struct loader *l, enum diagnostic_code code, const struct named_file *file,
                        const char *why)
{
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, code, &file->where, "cannot %s '%.*s': %s",
                        code == E0501 ? "read" : "use", SLICE_ARGUMENTS(file->shown), why);
    diagnostic_label(l->diagnostics, item, "named here");
}

static int keep_trust(struct loader *l, slice path, X509_STORE *store)
{
    struct loaded_trust *trust = arena_take(&l->scratch, sizeof *trust);
    if (!trust || name_map_add(&l->trusts, path, store) != 0) {
        X509_STORE_free(store);
        return -ENOMEM;
    }
    *trust = (struct loaded_trust){ .next = l->loaded_trusts, .store = store };
    l->loaded_trusts = trust;
    return 0;
}

/* The authorities of a file, read once. *ret stays NULL when something was reported. */
static int load_trust(struct loader *l, const struct named_file *file, X509_STORE **ret)
{
    slice text;
    char why[WHY_BYTES];
    struct writer w = writer_over(why, sizeof why - 1);
    const struct reader *reader = l->files.reader;
    *ret = name_map_find(&l->trusts, file->path);
    if (*ret)
        return 0;
    int error =
        reader->read_file(reader->context, &l->scratch, file->path, AUTHORITIES_BYTES_MAX, &text);
    if (error == -ENOMEM)
        return error;
    if (error) {
        report_file(l, E0501, file, file_problem(error));
        return 0;
    }
    X509_STORE *store = NULL;
    error = tls_trust_make(text, &store, &w);
    if (error == -EINVAL) {
        why[w.len] = '\0';
        report_file(l, E0504, file, why);
        return 0;
    }
    TRY(error);
    TRY(keep_trust(l, file->path, store));
    *ret = store;
    return 0;
}

void load_trusts_free(struct loader *l)
{
    for (struct loaded_trust *t = l->loaded_trusts; t; t = t->next)
        X509_STORE_free(t->store);
    l->loaded_trusts = NULL;
}

static int find_trust(struct loader *l, const struct statement *s, const struct origin_tls *t,
                      const struct span *where, X509_STORE **ret)
{
    bool is_written = t->ca.len && !slice_equal(t->ca, SLICE("system"));
    slice path = is_written ? t->ca : slice_from(tls_trust_system_file());
    struct named_file file = name_file(s, "ca", path, where);
    if (path.len)
        return load_trust(l, &file, ret);
    struct diagnostic *item = diagnostics_add(l->diagnostics, E0501, &file.where,
                                              "this system has no file of authorities");
    diagnostic_label(l->diagnostics, item, "would be believed here");
    diagnostic_help(l->diagnostics, item,
                    "install the package ca-certificates, or name the authorities:  tls ca FILE");
    return 0;
}

/* --- Contexts -------------------------------------------------------------------------------- */

/* All settings as one text: equal texts share one context. */
static int write_key(struct loader *l, const struct origin_tls *t, slice *ret)
{
    size_t room = t->ca.len + t->certificate.len + t->key.len + t->pin_count * SHA256_BYTES + 16;
    char *memory = arena_take(&l->scratch, room);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, room);
    const slice parts[] = { t->ca, t->certificate, t->key,
                            slice_of((const char *)t->pins, t->pin_count * SHA256_BYTES) };
    writer_byte(&w, (char)('0' + t->is_unverified));
    writer_byte(&w, (char)('0' + t->needs_1_3));
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        writer_slice_add(&w, parts[i]);
        writer_byte(&w, '\0');
    }
    *ret = writer_slice(&w);
    return 0;
}

/* One of `cert` and `key` says nothing without the other. */
static bool own_is_whole(struct loader *l, const struct statement *cert,
                         const struct statement *key)
{
    if (!cert == !key)
        return true;
    struct span where = statement_span(cert ? cert : key);
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0406, &where, "'%s' is written without '%s'",
                        cert ? "cert" : "key", cert ? "key" : "cert");
    diagnostic_label(l->diagnostics, item, "one of two");
    diagnostic_help(l->diagnostics, item, "for example:  tls { cert FILE.pem; key FILE.key }");
    return false;
}

/* Our own certificate; NULL: none is written, or something was reported. */
static int find_own(struct loader *l, const struct statement *s, const struct origin_tls *t,
                    struct certificate **ret)
{
    const struct statement *cert = find_setting(s, "cert"), *key = find_setting(s, "key");
    *ret = NULL;
    if (!own_is_whole(l, cert, key) || !cert)
        return 0;
    const struct word words[2] = { cert->arguments[0], key->arguments[0] };
    slice texts[2] = { t->certificate, t->key };
    struct argument_value both = { .words = words, .texts = texts, .count = 2 };
    return load_find_certificate(l, &both, ret);
}

static int keep_client(struct loader *l, slice key, struct tls_client *client,
                       struct certificate *own)
{
    struct made_client *made = arena_take(&l->c->arena, sizeof *made);
    if (!made || name_map_add(&l->tls_clients, key, client) != 0) {
        tls_client_free(client);
        certificate_drop(&own);
        return -ENOMEM;
    }
    *made = (struct made_client){ .next = l->c->tls_clients, .client = client, .own = own };
    l->c->tls_clients = made;
    return 0;
}

static int make_client(struct loader *l, const struct statement *s, struct origin_tls *t,
                       const struct span *where)
{
    char why[WHY_BYTES];
    struct writer w = writer_over(why, sizeof why - 1);
    struct tls_client_settings settings = {
        .pins = (const uint8_t(*)[SHA256_BYTES])t->pins,
        .pin_count = t->pin_count,
        .version_min = t->needs_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION,
    };
    slice key;
    TRY(write_key(l, t, &key));
    t->client = name_map_find(&l->tls_clients, key);
    if (t->client)
        return 0;
    if (origin_tls_uses_authorities(t)) {
        TRY(find_trust(l, s, t, where, &settings.trust));
        if (!settings.trust)
            return 0; /* reported */
    }
    struct certificate *own;
    TRY(find_own(l, s, t, &own));
    settings.own = own;
    int error = tls_client_make(&settings, &t->client, &w);
    if (error != 0) {
        certificate_drop(&own);
        if (error != -EINVAL)
            return error;
        why[w.len] = '\0';
        struct named_file file = name_file(s, "cert", t->certificate, where);
        report_file(l, E0504, &file, why);
        return 0;
    }
    return keep_client(l, key, t->client, own);
}

int load_origin_tls(struct loader *l, const struct statement *s, struct origin *o,
                    const struct span *where)
{
    struct origin_tls *t = (struct origin_tls *)o->tls; /* ours, made while it was read */
    if (!has_tls_server(o)) {
        if (s && t)
            report_without_effect(l, s);
        return 0;
    }
    if (!t) {
        t = arena_take(&l->c->arena, sizeof *t);
        if (!t)
            return -ENOMEM;
        *t = (struct origin_tls){ 0 };
        o->tls = t;
    }
    check_unverified(l, s, t);
    check_names(l, o, where);
    return make_client(l, s, t, where);
}
