/* What a site asks of its clients' certificates: the one demand that fits all of its routes. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/file.h"
#include "control/loader.h"
#include "net/tls_trust.h"
#include "net/x509_text.h"
#include "proxy/auth_settings.h"

#define FILE_BYTES_MAX (16u << 20)

int load_read_file(void *context, const struct option_apply *a, const struct word *word, slice path,
                   slice *ret)
{
    struct loader *l = context;
    const struct reader *reader = l->files.reader;
    int error = reader->read_file(reader->context, &l->scratch, path, FILE_BYTES_MAX, ret);
    if (error == 0 || error == -ENOMEM)
        return error;
    struct diagnostic *item =
        diagnostics_add(a->diagnostics, E0501, &word->span, "cannot read '%.*s': %s",
                        SLICE_ARGUMENTS(word_shown(word, path)), file_problem(error));
    diagnostic_label(a->diagnostics, item, "named here");
    return -EINVAL;
}

static bool lists_equal(const struct auth_settings *a, const struct auth_settings *b)
{
    if (a->crl_count != b->crl_count)
        return false;
    for (uint32_t i = 0; i < a->crl_count; i++)
        if (!slice_equal(a->crls[i].path, b->crls[i].path))
            return false;
    return true;
}

__attribute__((format(printf, 2, 3))) static void write_difference(struct writer *w,
                                                                   const char *format, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    writer_text(w, w->len ? ", " : "");
    writer_text(w, text);
}

static const char *on_or_off(bool is_on)
{
    return is_on ? "on" : "off";
}

/* In which of what one handshake can only have once they differ; nothing is written: in none. */
static void write_differences(struct writer *w, const struct auth_settings *a,
                              const struct auth_settings *b)
{
    static const char *const ocsp[] = {
        [AUTH_OCSP_OFF] = "off", [AUTH_OCSP_SOFT] = "soft", [AUTH_OCSP_HARD] = "hard"
    };
    if (!slice_equal(a->ca.path, b->ca.path))
        write_difference(w, "other authorities");
    if (!lists_equal(a, b))
        write_difference(w, "other lists ('crl')");
    if (a->depth_max != b->depth_max)
        write_difference(w, "'depth' %u and %u", a->depth_max, b->depth_max);
    if (a->is_strict != b->is_strict)
        write_difference(w, "'strict' %s and %s", on_or_off(a->is_strict), on_or_off(b->is_strict));
    if (a->ocsp != b->ocsp)
        write_difference(w, "'ocsp' %s and %s", ocsp[a->ocsp], ocsp[b->ocsp]);
    else if (!slice_equal(a->responder, b->responder))
        write_difference(w, "'ocsp' with two responders");
}

static void report_two_demands(struct loader *l, const struct site_draft *draft,
                               const struct auth_settings *a, const struct auth_settings *b,
                               slice differences)
{
    struct span where = statement_span(draft->statement);
    struct diagnostic *item = diagnostics_add(
        l->diagnostics, E0406, &where,
        "the routes of this site ask for certificates in two ways, at %.*s and %.*s: %.*s",
        SLICE_ARGUMENTS(a->where), SLICE_ARGUMENTS(b->where), SLICE_ARGUMENTS(differences));
    diagnostic_label(l->diagnostics, item, "one handshake is made for all of them");
    diagnostic_help(l->diagnostics, item,
                    "write the authorities and lists in the site, and in its routes only: "
                    "auth mtls CA optional, auth off");
}

static void report_strict(struct loader *l, const struct site_draft *draft)
{
    struct span where = statement_span(draft->statement);
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0406, &where,
                        "'strict on', and not every route of this site requires a certificate");
    diagnostic_label(l->diagnostics, item, "no handshake would reach those that do not");
}

/* *ret: what the handshake asks for; NULL: nothing. False: reported. */
static bool find_demand(struct loader *l, const struct site_draft *draft,
                        const struct auth_settings **ret)
{
    const struct site *site = draft->site;
    const struct auth_settings *found = NULL;
    bool all_require = true;
    for (uint32_t i = 0; i < site->route_count; i++) {
        const struct auth_settings *a = site->routes[i].blocks[FEATURE_AUTH];
        all_require = all_require && a->mode == AUTH_REQUIRED;
        if (a->mode == AUTH_OFF)
            continue;
        char memory[256];
        struct writer differences = writer_over(memory, sizeof memory);
        if (found)
            write_differences(&differences, found, a);
        if (differences.len) {
            report_two_demands(l, draft, found, a, writer_slice(&differences));
            return false;
        }
        found = a;
    }
    if (found && found->is_strict && !all_require) {
        report_strict(l, draft);
        return false;
    }
    *ret = found;
    return true;
}

static void report_without_tls(struct loader *l, const struct site_draft *draft)
{
    struct span where = statement_span(draft->statement);
    struct diagnostic *item = diagnostics_add(l->diagnostics, E0406, &where,
                                              "'auth mtls' is written, and site '%.*s' has no TLS",
                                              SLICE_ARGUMENTS(draft->site->name));
    diagnostic_label(l->diagnostics, item, "no client can show a certificate");
    diagnostic_help(l->diagnostics, item, "give it a certificate:  tls CERT.pem KEY.pem");
}

int load_site_auth(struct loader *l, struct site_draft *draft, const struct auth_settings **ret)
{
    *ret = NULL;
    if (!find_demand(l, draft, ret) || !*ret)
        return 0;
    if (!draft->site->tls.identity && !draft->statement->has_broken)
        report_without_tls(l, draft);
    return 0;
}

/* --- For the context of the handshake --------------------------------------------------------- */

static bool add_to_digest(EVP_MD_CTX *digest, slice text)
{
    uint64_t length = text.len;
    return EVP_DigestUpdate(digest, &length, sizeof length) == 1 &&
           EVP_DigestUpdate(digest, text.ptr, text.len) == 1;
}

int load_auth_name(const struct auth_settings *a, struct writer *w)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!a)
        return 0;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool is_good = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                   add_to_digest(digest, a->ca.text);
    for (uint32_t i = 0; is_good && i < a->crl_count; i++) /* each file is watched by itself */
        is_good = add_to_digest(digest, a->crls[i].path) && add_to_digest(digest, a->crls[i].text);
    is_good = is_good && EVP_DigestFinal_ex(digest, sum, &length) == 1;
    EVP_MD_CTX_free(digest);
    if (!is_good)
        return -ENOMEM;
    writer_format(w, "\nmtls %u %u %u ", a->depth_max, a->is_strict, (unsigned)a->ocsp);
    writer_hex_bytes(w, sum, length);
    return 0;
}

/* The handshake goes on, and the first thing that is wrong is kept for the routes to decide. */
static int note_verdict(X509_STORE_CTX *store, UNUSED void *ignored)
{
    if (X509_verify_cert(store) != 1 && X509_STORE_CTX_get_error(store) == X509_V_OK)
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
    return 1;
}

static STACK_OF(X509_NAME) * names_in(X509_STORE *store)
{
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; names && i < sk_X509_OBJECT_num(objects); i++) {
        const X509 *c = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        X509_NAME *name = c ? X509_NAME_dup(X509_get_subject_name(c)) : NULL;
        if (name && sk_X509_NAME_push(names, name) == 0)
            X509_NAME_free(name);
    }
    return names;
}

static void free_names(STACK_OF(X509_NAME) * names)
{
    sk_X509_NAME_pop_free(names, X509_NAME_free);
}

static int read_crls(const struct auth_settings *a, struct arena *arena, struct tls_crl_files *crls,
                     struct writer *why)
{
    crls->all = arena_take(arena, (a->crl_count + 1) * sizeof *crls->all);
    if (!crls->all)
        return -ENOMEM;
    for (uint32_t i = 0; i < a->crl_count; i++) {
        struct tls_crl_file *file = &crls->all[i];
        file->path = a->crls[i].path;
        slice text = a->crls[i].text;
        if (EVP_Digest(text.ptr, text.len, file->hash, NULL, EVP_sha256(), NULL) != 1)
            return -ENOMEM;
        TRY(tls_crls_read(text, &file->crls, why));
        crls->count++;
    }
    return 0;
}

int load_auth_policy(const struct auth_settings *a, struct arena *arena, struct tls_policy *policy,
                     struct tls_crl_files *crls)
{
    char memory[256];
    struct writer why = writer_over(memory, sizeof memory);
    if (!a)
        return 0;
    TRY(tls_trust_make(a->ca.text, &policy->client_store, &why));
    TRY(read_crls(a, arena, crls, &why));
    TRY(tls_trust_use(policy->client_store, crls));
    policy->client_names = names_in(policy->client_store);
    policy->verify_mode = SSL_VERIFY_PEER | (a->is_strict ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    policy->verify_depth = (int)a->depth_max;
    /* A session that is resumed has no chain, and so nobody to ask about. */
    policy->has_no_tickets = a->ocsp != AUTH_OCSP_OFF;
    policy->judge = a->is_strict ? NULL : note_verdict;
    return policy->client_names ? 0 : -ENOMEM;
}

void load_auth_policy_free(struct tls_policy *policy)
{
    X509_STORE_free(policy->client_store);
    free_names(policy->client_names);
    policy->client_store = NULL;
    policy->client_names = NULL;
}
