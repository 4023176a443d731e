/* `tls`: certificates, versions and suites towards clients. The loader (src/control/load_tls.c)
 * reads the files and makes the contexts. */
#include "proxy/options.h"
#include "proxy/tls_settings.h"

#include <errno.h>

#define OBJECT_TLS (OBJECT_FEATURE + FEATURE_TLS)
#define TLS_PLACES (SCOPE_TOP | SCOPE_DEFAULTS | SCOPE_POLICY | SCOPE_SITE)
#define YEARS_2    63072000000ull

static int refuse_words(struct option_apply *a, const struct word *word)
{
    return option_refuse(a, word,
                         "auto, local, off, or a certificate and its key: tls CERT.pem KEY.pem");
}

static int tls_apply(struct option_apply *a)
{
    struct tls_settings *t = a->object;
    const struct argument_value *words = option_argument(a, 0);
    if (option_argument(a, 1)->is_set)
        t->is_default = true;
    if (words->count == 0)
        return 0;
    if (words->count == 1) {
        if (slice_equal(words->texts[0], SLICE("off")))
            t->kind = TLS_OFF;
        else if (slice_equal(words->texts[0], SLICE("auto")))
            t->kind = TLS_AUTO;
        else if (slice_equal(words->texts[0], SLICE("local")))
            t->kind = TLS_LOCAL;
        else
            return refuse_words(a, &words->words[0]);
        return 0;
    }
    if (words->count > 2)
        return refuse_words(a, &words->words[2]);
    if (a->depth == 0 && option_argument(a, 1)->is_set)
        return option_refuse(a, words->word, "'default' in one site, not for all");
    bool is_first = t->kind != TLS_FILES || t->files_depth != a->depth;
    t->kind = TLS_FILES;
    t->files_depth = a->depth;
    return a->names->add_certificate(a->names->context, a, is_first);
}

/* "TLS_..." are suites of TLS 1.3, the others of TLS 1.2. */
static int ciphers_apply(struct option_apply *a)
{
    struct tls_settings *t = a->object;
    const struct argument_value *words = option_argument(a, 0);
    char suites[1024], ciphers[1024];
    struct writer s = writer_over(suites, sizeof suites), c = writer_over(ciphers, sizeof ciphers);
    for (uint32_t i = 0; i < words->count; i++) {
        char text[64];
        slice word = words->texts[i], bad;
        struct writer *w = slice_starts_with(word, SLICE("TLS_")) ? &s : &c;
        bool fits = word.len > 0 && word.len < sizeof text;
        if (fits) {
            memcpy(text, word.ptr, word.len);
            text[word.len] = '\0';
        }
        if (!fits || slice_find_byte(word, ':') < word.len || !tls_ciphers_are_known(text, &bad))
            return option_refuse(a, &words->words[i],
                                 "AEAD suites with forward secrecy (ECDHE), such as "
                                 "TLS_AES_128_GCM_SHA256 or ECDHE-RSA-AES128-GCM-SHA256");
        if (w->len)
            writer_byte(w, ':');
        writer_slice_add(w, word);
    }
    if (s.overflowed || c.overflowed)
        return option_refuse(a, words->word, "fewer suites");
    t->suites = s.len ? arena_text(a->arena, writer_slice(&s)) : NULL;
    t->ciphers = c.len ? arena_text(a->arena, writer_slice(&c)) : NULL;
    return (s.len && !t->suites) || (c.len && !t->ciphers) ? -ENOMEM : 0;
}

static int groups_apply(struct option_apply *a)
{
    struct tls_settings *t = a->object;
    const struct argument_value *words = option_argument(a, 0);
    char memory[512];
    struct writer w = writer_over(memory, sizeof memory);
    for (uint32_t i = 0; i < words->count; i++) {
        char text[64];
        slice word = words->texts[i], bad;
        bool fits = word.len > 0 && word.len < sizeof text;
        if (fits) {
            memcpy(text, word.ptr, word.len);
            text[word.len] = '\0';
        }
        if (!fits || slice_find_byte(word, ':') < word.len || !tls_groups_are_known(text, &bad))
            return option_refuse(a, &words->words[i],
                                 "groups that this OpenSSL knows, such as X25519 or P-256");
        if (w.len)
            writer_byte(&w, ':');
        writer_slice_add(&w, word);
    }
    if (w.overflowed)
        return option_refuse(a, words->word, "fewer groups");
    t->groups = arena_text(a->arena, writer_slice(&w));
    return t->groups ? 0 : -ENOMEM;
}

static int min_apply(struct option_apply *a)
{
    struct tls_settings *t = a->object;
    t->needs_1_3 = option_argument(a, 0)->number == 1;
    return 0;
}

static int hsts_apply(struct option_apply *a)
{
    struct tls_settings *t = a->object;
    t->hsts_s = (int64_t)(option_argument(a, 0)->number / 1000);
    return 0;
}

static const struct directive rows[] = {
    { .name = "tls",
      .scopes = TLS_PLACES,
      .block_scope = SCOPE_TLS,
      .block_is_optional = true,
      .is_repeatable = true,
      .merges = true,
      .arguments = { { .name = "CERT KEY", .kind = ARGUMENT_TEXT, .form = FORM_SOME },
                     { .name = "default", .kind = ARGUMENT_TEXT, .form = FORM_FLAG } },
      .object = OBJECT_TLS,
      .meaning = "The certificate of a site and its key, and how TLS is spoken with clients",
      .details =
          "tls CERT.pem KEY.pem: CERT is a PEM file with the certificate and its chain, KEY the "
          "PEM file of its "
          "private key. Two of them, one with an ECDSA and one with an RSA key, stand side "
          "by side: each client gets the one it can verify. A wildcard in 'defaults' or a "
          "policy serves many sites. `default`: clients that name no site, or none of ours, "
          "get this one instead of an alert. local: from the local CA of this machine "
          "(portcullis certs trust), which is also what local names get on listeners with "
          "TLS when nothing is written: localhost, *.test, *.internal, *.home.arpa, *.local, "
          "names of one label, IP addresses. auto: from the certificate authority of `acme`, which "
          "is what public names get on listeners with TLS when `acme` is written and nothing else "
          "is. off: no TLS for this site.",
      .example = "tls { min 1.3 }",
      .since = "0.2",
      .apply = tls_apply },
    { .name = "min",
      .scopes = SCOPE_TLS,
      .arguments = { { .name = "VERSION", .kind = ARGUMENT_CHOICE, .choices = "1.2|1.3" } },
      .object = OBJECT_TLS,
      .preset = "1.2",
      .meaning = "The oldest version of TLS that is spoken",
      .example = "min 1.3",
      .since = "0.2",
      .apply = min_apply },
    { .name = "ciphers",
      .scopes = SCOPE_TLS,
      .arguments = { { .name = "SUITE", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .object = OBJECT_TLS,
      .meaning = "The cipher suites, the preferred first, by OpenSSL's names",
      .details =
          "Names with TLS_ are of TLS 1.3, the others of TLS 1.2; of a version for which "
          "none is written ours stay. Only authenticated encryption with forward secrecy (ECDHE).",
      .example = "ciphers TLS_AES_256_GCM_SHA384 ECDHE-ECDSA-AES256-GCM-SHA384",
      .since = "0.2",
      .apply = ciphers_apply },
    { .name = "groups",
      .scopes = SCOPE_TLS,
      .arguments = { { .name = "GROUP", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .object = OBJECT_TLS,
      .meaning = "The groups of the key exchange, the preferred first",
      .details = "Unless written: X25519MLKEM768 where OpenSSL has it, X25519, P-256, P-384.",
      .example = "groups X25519 P-256",
      .since = "0.2",
      .apply = groups_apply },
    { .name = "early-data",
      .scopes = SCOPE_TLS,
      .arguments = { { .name = "EARLY",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "off|on",
                       STORED(struct tls_settings, takes_early) } },
      .object = OBJECT_TLS,
      .preset = "off",
      .meaning =
          "Whether a client that comes back may ask before the handshake is complete (0-RTT)",
      .details = "Saves such clients a round trip. What they send so can be recorded and sent "
                 "again by others; a ticket's counts once, over all workers, and only GET without "
                 "a body is served: the origin is told by Early-Data: 1 (RFC 8470) and may answer "
                 "425; everything else gets 425, `tls.early-data`, and comes again. Write it "
                 "where no GET changes anything. Not for clients that are asked for a "
                 "certificate.",
      .example = "early-data on",
      .since = "0.2" },
    { .name = "http2",
      .scopes = SCOPE_TLS,
      .arguments = { { .name = "HTTP2",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "on|off",
                       STORED(struct tls_settings, has_no_http2) } },
      .object = OBJECT_TLS,
      .preset = "on",
      .meaning = "Whether clients are offered HTTP/2 besides HTTP/1.1 (ALPN)",
      .example = "http2 off",
      .since = "0.2" },
    { .name = "hsts",
      .scopes = SCOPE_TLS,
      .arguments = { { .name = "DURATION", .kind = ARGUMENT_DURATION, .min = 0, .max = YEARS_2 } },
      .object = OBJECT_TLS,
      .preset = "1d",
      .meaning = "How long browsers remember that this site is HTTPS only; 0s: not told",
      .details = "Strict-Transport-Security (RFC 6797), unless the origin sends its own. Raise it "
                 "to 365d when everything works; where `headers hardened` is written it is that "
                 "already. Not told for local names.",
      .example = "hsts 365d",
      .since = "0.2",
      .apply = hsts_apply },
};

const struct directive_table tls_options = { "TLS", rows, ARRAY_LENGTH(rows) };
