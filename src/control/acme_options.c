/* `acme`: the certificate authority that `tls auto` asks, and what it is told. That the directive
 * stands there says that its terms are agreed to. */
#include <errno.h>
#include <unistd.h>

#include "acme/settings.h"
#include "control/load_acme.h"
#include "proxy/options.h"

#define EAB_KID_MAX 1024u
#define EAB_KEY_MAX 512u
#define TEXT_MAX    255u

/* The settings that are being built. NULL: no memory */
static struct acme_settings *settings_of(const struct option_apply *a)
{
    struct configuration *c = a->object;
    if (!c->acme)
        c->acme = arena_take(a->arena, sizeof *c->acme);
    if (c->acme)
        c->acme->is_on = true;
    return c->acme;
}

static int acme_apply(struct option_apply *a)
{
    return settings_of(a) ? 0 : -ENOMEM;
}

static int copy(const struct option_apply *a, slice text, slice *to)
{
    *to = arena_copy(a->arena, text);
    return to->ptr ? 0 : -ENOMEM;
}

/* Letters that may stand in a URL, over HTTPS, with a host. */
static bool is_https_url(slice text)
{
    slice scheme = SLICE("https://");
    if (!slice_starts_with(text, scheme) || text.len <= scheme.len || text.len >= ACME_URL_MAX ||
        text.ptr[scheme.len] == '/')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || text.ptr[i] == '"' || text.ptr[i] == '#')
            return false;
    return true;
}

static int directory_apply(struct option_apply *a)
{
    const struct argument_value *url = option_argument(a, 0);
    struct acme_settings *s = settings_of(a);
    if (!is_https_url(url->text))
        return option_refuse(a, url->word, "the https:// URL of the CA's directory");
    return s ? copy(a, url->text, &s->directory) : -ENOMEM;
}

static int contact_apply(struct option_apply *a)
{
    const struct argument_value *mail = option_argument(a, 0);
    struct acme_settings *s = settings_of(a);
    size_t at = slice_find_byte(mail->text, '@');
    bool is_good = at > 0 && at + 1 < mail->text.len && mail->text.len <= TEXT_MAX;
    for (size_t i = 0; i < mail->text.len; i++)
        is_good = is_good && mail->text.ptr[i] > ' ' && mail->text.ptr[i] <= '~' &&
                  !strchr("\"<>,?", mail->text.ptr[i]);
    if (!is_good)
        return option_refuse(a, mail->word, "one mail address, such as ops@example.com");
    return s ? copy(a, mail->text, &s->contact) : -ENOMEM;
}

static bool is_base64url(slice text)
{
    while (text.len && text.ptr[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return text.len > 0 && text.len <= EAB_KEY_MAX;
}

static int eab_apply(struct option_apply *a)
{
    const struct argument_value *kid = option_argument(a, 0), *key = option_argument(a, 1);
    struct acme_settings *s = settings_of(a);
    slice text = slice_trim(key->text);
    while (text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--; /* files end with a line */
    if (kid->text.len == 0 || kid->text.len > EAB_KID_MAX)
        return option_refuse(a, kid->word, "the id that the CA gave, at most 1024 bytes");
    if (!is_base64url(text))
        return option_refuse(a, key->word, "the key that the CA gave, in base64url");
    if (!s)
        return -ENOMEM;
    TRY(copy(a, kid->text, &s->eab_kid));
    return copy(a, text, &s->eab_key);
}

static bool is_full_path(slice path)
{
    return path.len >= 2 && path.ptr[0] == '/' && slice_find_byte(path, '\0') == path.len;
}

/* Read here to say at once what is wrong with it; the certifier reads it each time. */
static int ca_apply(struct option_apply *a)
{
    const struct argument_value *path = option_argument(a, 0);
    struct acme_settings *s = settings_of(a);
    slice pem;
    if (!s)
        return -ENOMEM;
    if (!is_full_path(path->text))
        return option_refuse(a, path->word, "the full path of a file with the roots, PEM");
    TRY(a->names->read_file(a->names->context, a, path->word, path->text, &pem));
    TRY(option_authorities(a, path->word, path->text, pem));
    return copy(a, path->text, &s->ca);
}

static int dns_apply(struct option_apply *a)
{
    const struct argument_value *path = option_argument(a, 1);
    struct acme_settings *s = settings_of(a);
    char *text = arena_text(a->arena, path->text);
    if (!s || !text)
        return -ENOMEM;
    if (!is_full_path(path->text) || access(text, X_OK) != 0)
        return option_refuse(a, path->word, "the full path of an executable program");
    return copy(a, path->text, &s->hook);
}

static int challenge_apply(struct option_apply *a)
{
    struct acme_settings *s = settings_of(a);
    if (!s)
        return -ENOMEM;
    s->challenge = (uint8_t)option_argument(a, 0)->number;
    return 0;
}

static int staging_apply(struct option_apply *a)
{
    struct acme_settings *s = settings_of(a);
    if (!s)
        return -ENOMEM;
    s->is_staging = option_argument(a, 0)->number == 0;
    return 0;
}

static int key_apply(struct option_apply *a)
{
    struct acme_settings *s = settings_of(a);
    if (!s)
        return -ENOMEM;
    s->key = (uint8_t)option_argument(a, 0)->number;
    return 0;
}

static int must_staple_apply(struct option_apply *a)
{
    struct acme_settings *s = settings_of(a);
    if (!s)
        return -ENOMEM;
    s->must_staple = option_argument(a, 0)->number == 0;
    return 0;
}

static int profile_apply(struct option_apply *a)
{
    struct acme_settings *s = settings_of(a);
    return s ? copy(a, option_argument(a, 0)->text, &s->profile) : -ENOMEM;
}

static int issuer_apply(struct option_apply *a)
{
    struct acme_settings *s = settings_of(a);
    const struct argument_value *name = option_argument(a, 0);
    if (name->text.len == 0 || name->text.len > TEXT_MAX)
        return option_refuse(a, name->word, "the common name of an issuer");
    return s ? copy(a, name->text, &s->issuer) : -ENOMEM;
}

#define SWITCH                                                                                     \
    {                                                                                              \
        {                                                                                          \
            .name = "SWITCH", .kind = ARGUMENT_CHOICE, .choices = "on|off"                         \
        }                                                                                          \
    }

static const struct directive rows[] = {
    { .name = "acme",
      .scopes = SCOPE_TOP,
      .block_scope = SCOPE_ACME,
      .block_is_optional = true,
      .is_repeatable = true,
      .merges = true,
      .object = OBJECT_CONFIGURATION,
      .meaning = "Certificates come by themselves, from a certificate authority (RFC 8555)",
      .details = "With it every site with public host names on a listener with TLS has a "
                 "certificate, unless its `tls` says otherwise. That it is written means that you "
                 "agree to the terms of the authority: Let's Encrypt unless `directory` names "
                 "another one.",
      .example = "acme { contact ops@example.com }",
      .since = "0.2",
      .apply = acme_apply },
    { .name = "directory",
      .scopes = SCOPE_ACME,
      .arguments = { { .name = "URL", .kind = ARGUMENT_TEXT } },
      .object = OBJECT_CONFIGURATION,
      .meaning = "The authority's directory; Let's Encrypt when it is not written",
      .details = "Only then there is a staging directory, at which production is rehearsed after "
                 "three refusals.",
      .example = "directory https://ca.example.com/acme/directory",
      .since = "0.2",
      .apply = directory_apply },
    { .name = "contact",
      .scopes = SCOPE_ACME,
      .arguments = { { .name = "MAIL", .kind = ARGUMENT_TEXT } },
      .object = OBJECT_CONFIGURATION,
      .meaning = "Whom the authority may write to",
      .example = "contact ops@example.com",
      .since = "0.2",
      .apply = contact_apply },
    { .name = "eab",
      .scopes = SCOPE_ACME,
      .arguments = { { .name = "KID", .kind = ARGUMENT_TEXT },
                     { .name = "KEY", .kind = ARGUMENT_SECRET } },
      .object = OBJECT_CONFIGURATION,
      .meaning = "Binds the account to one that you have at the authority already",
      .details = "External account binding (RFC 8555 §7.3.4): the id and the key in base64url as "
                 "the authority shows them. Used once, when the account is made.",
      .example = "eab kid-1 ${env:ACME_EAB_KEY:-c2VjcmV0LXNlY3JldC1zZWNyZXQ}",
      .since = "0.2",
      .apply = eab_apply },
    { .name = "ca",
      .scopes = SCOPE_ACME,
      .arguments = { { .name = "FILE", .kind = ARGUMENT_TEXT } },
      .object = OBJECT_CONFIGURATION,
      .meaning =
          "Roots by which the authority's own HTTPS is verified; the system's if not written",
      .example = "ca /etc/ssl/certs/ca-certificates.crt",
      .since = "0.2",
      .apply = ca_apply },
    { .name = "challenge",
      .scopes = SCOPE_ACME,
      .arguments = { { .name = "KIND",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "auto|http|tls-alpn|dns" } },
      .object = OBJECT_CONFIGURATION,
      .preset = "auto",
      .meaning = "How it is proved that a name is yours",
      .details = "auto: http (HTTP-01) when port 80 is listened on, else tls-alpn (TLS-ALPN-01) "
                 "when port 443 is, else dns (DNS-01) when there is a hook; wildcards always by "
                 "dns. What did not convince the authority is tried after the others next time.",
      .example = "challenge http",
      .since = "0.2",
      .apply = challenge_apply },
    { .name = "dns",
      .scopes = SCOPE_ACME,
      .arguments = { { .name = "HOW", .kind = ARGUMENT_CHOICE, .choices = "hook" },
                     { .name = "PROGRAM", .kind = ARGUMENT_TEXT } },
      .object = OBJECT_CONFIGURATION,
      .meaning = "The program that sets and removes TXT records, for DNS-01",
      .details = "Called as PROGRAM set RECORD VALUE, and later PROGRAM remove RECORD VALUE; "
                 "ACME_ACTION, ACME_DOMAIN, ACME_RECORD and ACME_VALUE say the same. It runs as "
                 "the user of the workers, has two minutes, and returns 0 when the record can be "
                 "seen. It adds to values that are there already: a name and its wildcard have the "
                 "same record.",
      .example = "dns hook /bin/true",
      .since = "0.2",
      .apply = dns_apply },
    { .name = "staging",
      .scopes = SCOPE_ACME,
      .arguments = SWITCH,
      .object = OBJECT_CONFIGURATION,
      .preset = "off",
      .meaning =
          "Certificates of Let's Encrypt's staging directory: nobody trusts them, nothing is "
          "counted",
      .details = "Switched off again, they are replaced at once.",
      .example = "staging on",
      .since = "0.2",
      .apply = staging_apply },
    { .name = "key",
      .scopes = SCOPE_ACME,
      .arguments = { { .name = "KIND", .kind = ARGUMENT_CHOICE, .choices = "ec|rsa" } },
      .object = OBJECT_CONFIGURATION,
      .preset = "ec",
      .meaning = "The kind of the certificates' keys: P-256, or RSA with 2048 bits",
      .example = "key ec",
      .since = "0.2",
      .apply = key_apply },
    { .name = "must-staple",
      .scopes = SCOPE_ACME,
      .arguments = SWITCH,
      .object = OBJECT_CONFIGURATION,
      .preset = "off",
      .meaning = "Certificates that are only good with a stapled status (RFC 7633)",
      .details = "Not every authority issues them.",
      .example = "must-staple on",
      .since = "0.2",
      .apply = must_staple_apply },
    { .name = "profile",
      .scopes = SCOPE_ACME,
      .arguments = { { .name = "NAME", .kind = ARGUMENT_NAME } },
      .object = OBJECT_CONFIGURATION,
      .meaning = "One of the authority's profiles, such as shortlived",
      .example = "profile shortlived",
      .since = "0.2",
      .apply = profile_apply },
    { .name = "issuer",
      .scopes = SCOPE_ACME,
      .arguments = { { .name = "NAME", .kind = ARGUMENT_TEXT } },
      .object = OBJECT_CONFIGURATION,
      .meaning = "Of several chains the one with an issuer of this common name",
      .example = "issuer \"ISRG Root X1\"",
      .since = "0.2",
      .apply = issuer_apply },
};

const struct directive_table acme_options = { "Certificate authorities", rows, ARRAY_LENGTH(rows) };
