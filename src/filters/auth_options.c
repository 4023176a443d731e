/* `auth`: who has to prove who he is. */
#include "filters/options.h"

#include <errno.h>

#include "net/tls_trust.h"
#include "proxy/auth_settings.h"

#define OBJECT_AUTH (OBJECT_FEATURE + FEATURE_AUTH)
#define WHY_BYTES   256u

#define RESPONDER_BYTES_MAX 512u

enum auth_word { AUTH_WORD_MTLS, AUTH_WORD_OFF };

static int check_crls(const struct option_apply *a, const struct word *word,
                      const struct auth_file *crl)
{
    char memory[WHY_BYTES];
    struct writer why = writer_over(memory, sizeof memory);
    STACK_OF(X509_CRL) * crls OWNS(tls_crls_free) = NULL;
    int error = tls_crls_read(crl->text, &crls, &why);
    return error == -EINVAL ? option_refuse_file(a, word, crl->path, writer_slice(&why)) : error;
}

static int read_file(const struct option_apply *a, const struct word *word, slice path,
                     struct auth_file *ret)
{
    *ret = (struct auth_file){ .path = arena_copy(a->arena, path) };
    if (!ret->path.ptr)
        return -ENOMEM;
    return a->names->read_file(a->names->context, a, word, ret->path, &ret->text);
}

static int auth_apply(struct option_apply *a)
{
    struct auth_settings *t = a->object;
    const struct argument_value *kind = option_argument(a, 0), *ca = option_argument(a, 1),
                                *mode = option_argument(a, 2);
    TRY(statement_where(a->statement, a->arena, &t->where));
    if (kind->number == AUTH_WORD_OFF) {
        if (ca->is_set)
            return option_refuse(a, ca->word, "nothing behind 'off'");
        t->mode = AUTH_OFF;
        return 0;
    }
    if (!ca->is_set)
        return option_refuse(a, kind->word, "the file of the authorities:  auth mtls CA.pem");
    t->mode = mode->is_set && mode->number == 0 ? AUTH_OPTIONAL : AUTH_REQUIRED;
    TRY(read_file(a, ca->word, ca->text, &t->ca));
    return option_authorities(a, ca->word, t->ca.path, t->ca.text);
}

/* What a route writes is added to its site's: one file that stands in both is one list. */
static bool has_crl(const struct auth_settings *t, slice path)
{
    for (uint32_t i = 0; i < t->crl_count; i++)
        if (slice_equal(t->crls[i].path, path))
            return true;
    return false;
}

static int crl_apply(struct option_apply *a)
{
    struct auth_settings *t = a->object;
    const struct argument_value *files = option_argument(a, 0);
    for (uint32_t i = 0; i < files->count; i++) {
        struct auth_file crl;
        if (has_crl(t, files->texts[i]))
            continue;
        if (t->crl_count == AUTH_CRLS_MAX) {
            diagnostics_add(a->diagnostics, E0305, &files->words[i].span,
                            "there are at most %u revocation lists in one place", AUTH_CRLS_MAX);
            return 0;
        }
        TRY(read_file(a, &files->words[i], files->texts[i], &crl));
        TRY(check_crls(a, &files->words[i], &crl));
        TRY(option_append(a->arena, OPTION_ARRAY(t->crls, t->crl_count), &crl, 1));
    }
    return 0;
}

enum ocsp_word { OCSP_WORD_OFF, OCSP_WORD_SOFT, OCSP_WORD_HARD };

static bool is_url(slice text)
{
    slice scheme = slice_first(text, slice_find(text, SLICE("://")));
    bool is_known = slice_equal(scheme, SLICE("http")) || slice_equal(scheme, SLICE("https"));
    return is_known && text.len > scheme.len + 3 && text.len < RESPONDER_BYTES_MAX;
}

static int ocsp_apply(struct option_apply *a)
{
    static const enum auth_ocsp modes[] = { [OCSP_WORD_OFF] = AUTH_OCSP_OFF,
                                            [OCSP_WORD_SOFT] = AUTH_OCSP_SOFT,
                                            [OCSP_WORD_HARD] = AUTH_OCSP_HARD };
    struct auth_settings *t = a->object;
    const struct argument_value *mode = option_argument(a, 0), *responder = option_argument(a, 1);
    if (responder->is_set && mode->number == OCSP_WORD_OFF)
        return option_refuse(a, responder->word, "nothing behind 'off'");
    if (responder->is_set && !is_url(responder->text))
        return option_refuse(a, responder->word,
                             "the responder's URL, http:// or https://, of less than 512 bytes");
    t->ocsp = modes[mode->number];
    t->responder = responder->is_set ? arena_copy(a->arena, responder->text) : slice_of(NULL, 0);
    return responder->is_set && !t->responder.ptr ? -ENOMEM : 0;
}

static const struct directive rows[] = {
    { .name = "auth",
      .scopes = SCOPE_DEFAULTS | SCOPE_POLICY | SCOPE_SITE | SCOPE_ROUTE,
      .block_scope = SCOPE_AUTH,
      .block_is_optional = true,
      .merges = true,
      .arguments = { { .name = "KIND",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "mtls|off",
                       .later = "basic|jwt|forward" },
                     { .name = "CA", .kind = ARGUMENT_TEXT, .form = FORM_OPTIONAL },
                     { .name = "MODE",
                       .kind = ARGUMENT_CHOICE,
                       .form = FORM_OPTIONAL,
                       .choices = "optional|required" } },
      .object = OBJECT_AUTH,
      .meaning = "Clients prove who they are by a certificate in the TLS handshake",
      .details = "auth mtls CA.pem: the PEM file of the authorities that are believed, one for a "
                 "whole site; the certificate must be meant for clients. required (unless "
                 "written): without one the answer is 403. optional: who has none comes in "
                 "without an identity. The origin is told in X-Client-Cert-Subject, -Issuer, "
                 "-Serial, -SAN and -Fingerprint, and in Client-Cert (RFC 9440); these fields are "
                 "removed from what clients send. The file of the authorities is read when the "
                 "configuration is loaded: after a change, `portcullis reload`.",
      .example = "auth off",
      .since = "0.2",
      .apply = auth_apply },
    { .name = "crl",
      .scopes = SCOPE_AUTH,
      .is_repeatable = true,
      .arguments = { { .name = "FILE", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .object = OBJECT_AUTH,
      .meaning = "Lists of certificates that the authorities have taken back, PEM or DER",
      .details = "With one, every authority on the way needs a list that is in force, else its "
                 "certificates are refused. A file that changes counts without a reload, also for "
                 "connections that are open, as long as the user of the workers may read it; one "
                 "that cannot be used, is out of date or older than the one in force changes "
                 "nothing.",
      .example = "crl revoked.pem",
      .since = "0.2",
      .apply = crl_apply },
    { .name = "depth",
      .scopes = SCOPE_AUTH,
      .arguments = { { .name = "N",
                       .kind = ARGUMENT_NUMBER,
                       .min = 0,
                       .max = 9,
                       STORED(struct auth_settings, depth_max) } },
      .object = OBJECT_AUTH,
      .preset = "3",
      .meaning = "Certificates that may stand between the client's and an authority's",
      .example = "depth 1",
      .since = "0.2" },
    { .name = "ocsp",
      .scopes = SCOPE_AUTH,
      .arguments = { { .name = "MODE", .kind = ARGUMENT_CHOICE, .choices = "off|soft|hard" },
                     { .name = "RESPONDER", .kind = ARGUMENT_TEXT, .form = FORM_OPTIONAL } },
      .object = OBJECT_AUTH,
      .preset = "off",
      .meaning = "Whether the issuer is asked if a client's certificate is still good (OCSP)",
      .details = "The responder is the one that the certificate names, unless another is written. "
                 "A certificate that was taken back gets 403, `auth.revoked`. When the responder "
                 "does not know it, or cannot be asked within seconds: soft lets it in, and the "
                 "request log has client_status \"unknown\"; hard refuses it with 403, "
                 "`auth.status`. Answers are kept for all workers until an hour has gone or "
                 "they end. Only the client's own certificate is asked about: for authorities "
                 "between there is `crl`. Sessions are not resumed where it is on.",
      .example = "ocsp hard",
      .since = "0.2",
      .apply = ocsp_apply },
    { .name = "strict",
      .scopes = SCOPE_AUTH,
      .arguments = { { .name = "STRICT",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "off|on",
                       STORED(struct auth_settings, is_strict) } },
      .object = OBJECT_AUTH,
      .preset = "off",
      .meaning = "Whether the handshake itself fails without a certificate that convinces",
      .details = "Unless it is on, the handshake is completed and the answer is 403 with a page "
                 "that says why. On, all routes of the site have to require certificates.",
      .example = "strict on",
      .since = "0.2" },
};

const struct directive_table auth_options = { "Authentication", rows, ARRAY_LENGTH(rows) };
