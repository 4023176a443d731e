/* `tls` of an origin: how its servers prove who they are, and we to them. */
#include "proxy/options.h"

#include <errno.h>
#include <openssl/evp.h>

#include "proxy/origin_tls.h"

static const char expects_pin[] =
    "sha256/ and the base64 of the SHA-256 of a public key (44 characters)";

static int name_apply(struct option_apply *a)
{
    struct origin_tls *t = a->object;
    const struct argument_value *name = option_argument(a, 0);
    struct authority authority;
    if (ip_parse(name->text, &t->ip) == 0)
        return 0;
    if (authority_parse(name->text, &authority) != 0 || authority.has_port || authority.is_ipv6 ||
        authority.is_ipv4)
        return option_refuse(a, name->word, "a host name or an address, as the certificate has it");
    t->name = arena_copy(a->arena, name->text);
    return t->name.ptr ? 0 : -ENOMEM;
}

static int keep_text(struct option_apply *a, slice *to)
{
    const struct argument_value *value = option_argument(a, 0);
    if (value->text.len == 0)
        return option_refuse(a, value->word, "the path of a file");
    *to = arena_copy(a->arena, value->text);
    return to->ptr ? 0 : -ENOMEM;
}

static int ca_apply(struct option_apply *a)
{
    struct origin_tls *t = a->object;
    return keep_text(a, &t->ca);
}

static int cert_apply(struct option_apply *a)
{
    struct origin_tls *t = a->object;
    return keep_text(a, &t->certificate);
}

static int key_apply(struct option_apply *a)
{
    struct origin_tls *t = a->object;
    return keep_text(a, &t->key);
}

/* "sha256/AAAA…=": base64 of 32 bytes. curl writes "sha256//". */
static bool parse_pin(slice text, uint8_t ret[SHA256_BYTES])
{
    enum { BASE64_BYTES = 44 };
    unsigned char decoded[BASE64_BYTES];
    if (!slice_starts_with(text, SLICE("sha256/")))
        return false;
    text = slice_after(text, SLICE("sha256/").len);
    if (text.len == BASE64_BYTES + 1 && text.ptr[0] == '/')
        text = slice_after(text, 1);
    if (text.len != BASE64_BYTES || text.ptr[BASE64_BYTES - 1] != '=' ||
        text.ptr[BASE64_BYTES - 2] == '=' ||
        EVP_DecodeBlock(decoded, (const unsigned char *)text.ptr, BASE64_BYTES) != SHA256_BYTES + 1)
        return false;
    memcpy(ret, decoded, SHA256_BYTES);
    return true;
}

static int pin_apply(struct option_apply *a)
{
    struct origin_tls *t = a->object;
    const struct argument_value *pins = option_argument(a, 0);
    for (uint32_t i = 0; i < pins->count; i++) {
        uint8_t pin[SHA256_BYTES];
        if (!parse_pin(pins->texts[i], pin)) {
            option_refuse(a, &pins->words[i], expects_pin);
            continue;
        }
        if (t->pin_count == PINS_MAX) {
            diagnostics_add(a->diagnostics, E0305, &pins->words[i].span,
                            "an origin has at most %u pinned keys", PINS_MAX);
            return 0;
        }
        TRY(option_append(a->arena, OPTION_ARRAY(t->pins, t->pin_count), pin, 1));
    }
    return 0;
}

#define TLS_ROW .scopes = SCOPE_ORIGIN_TLS, .object = OBJECT_ORIGIN_TLS, .since = "0.2"

static const struct directive rows[] = {
    { .name = "tls",
      .scopes = SCOPE_ORIGIN,
      .block_scope = SCOPE_ORIGIN_TLS,
      .takes_inline = true,
      .is_repeatable = true,
      .merges = true,
      .meaning = "How the https:// servers of an origin prove who they are",
      .details = "Without it they need a certificate for their own name or address, from an "
                 "authority of the system. Files are read when the configuration is loaded: after "
                 "a change, `portcullis reload`.",
      .example = "tls { name origin.internal; min 1.3 }",
      .since = "0.2" },
    { TLS_ROW, .name = "name", .arguments = { { .name = "NAME", .kind = ARGUMENT_TEXT } },
      .meaning = "The name that the servers' certificates have to be for, and are asked for by SNI",
      .details = "Unless it is written, each server's own: its host name or its address. Only "
                 "subjectAltName counts.",
      .example = "name origin.internal", .apply = name_apply },
    { TLS_ROW, .name = "ca", .arguments = { { .name = "FILE", .kind = ARGUMENT_TEXT } },
      .preset = "system", .meaning = "The authorities that are believed: a PEM file, or `system`",
      .details = "Every certificate of the file is believed, also one that is no root, so the "
                 "certificate of a server that has signed itself can stand here.",
      .example = "ca system", .apply = ca_apply },
    { TLS_ROW, .name = "pin", .is_repeatable = true,
      .arguments = { { .name = "PIN", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .meaning = "Public keys that the servers may have: sha256/BASE64",
      .details = "Any of them will do: write the next one before a server changes its key. With "
                 "`ca` both are asked; without it the key alone says who a server is, and neither "
                 "dates nor names are looked at. `openssl x509 -in cert.pem -noout -pubkey | "
                 "openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64` "
                 "prints what stands behind sha256/.",
      .example = "pin sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", .apply = pin_apply },
    { TLS_ROW, .name = "cert", .arguments = { { .name = "FILE", .kind = ARGUMENT_TEXT } },
      .meaning = "Our own certificate, for servers that ask for one: a PEM file with its chain",
      .details = "With `key`. A server that asks gets it; others never see it.",
      .example = "cert /etc/portcullis/origin.pem; key /etc/portcullis/origin.key",
      .apply = cert_apply },
    { TLS_ROW, .name = "key", .arguments = { { .name = "FILE", .kind = ARGUMENT_TEXT } },
      .meaning = "The private key of `cert`: a PEM file, which the keyholder alone opens",
      .example = "key /etc/portcullis/origin.key; cert /etc/portcullis/origin.pem",
      .apply = key_apply },
    { TLS_ROW, .name = "verify",
      .arguments = { { .name = "VERIFY",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "on|off",
                       STORED(struct origin_tls, is_unverified) } },
      .preset = "on", .meaning = "Whether servers have to prove who they are",
      .details = "With `off` whoever stands between Portcullis and the servers can read and change "
                 "everything; `check` warns.",
      .example = "verify on" },
    { TLS_ROW, .name = "min",
      .arguments = { { .name = "VERSION",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "1.2|1.3",
                       STORED(struct origin_tls, needs_1_3) } },
      .preset = "1.2", .meaning = "The oldest version of TLS that is spoken with the servers",
      .example = "min 1.3" },
};

const struct directive_table origin_tls_options = { "TLS to origins", rows, ARRAY_LENGTH(rows) };
