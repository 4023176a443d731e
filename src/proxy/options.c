#include "proxy/options.h"

#include <errno.h>

#include "base/number.h"
#include "config/suggest.h"
#include "net/tls_trust.h"
#include "proxy/endpoint.h"
#include "wire/h2_fingerprint.h"
#include "wire/ja4.h"

#define WHY_BYTES 256u

int option_append(struct arena *a, struct option_array array, const void *more, uint32_t more_count)
{
    size_t total, old = *array.count;
    if (!size_add(old, more_count, &total) || total > UINT32_MAX)
        return -ENOMEM;
    char *grown = arena_take_array(a, total, array.each);
    if (!grown)
        return -ENOMEM;
    if (old)
        memcpy(grown, *array.items, old * array.each);
    if (more_count)
        memcpy(grown + old * array.each, more, more_count * array.each);
    *array.items = grown;
    *array.count = (uint32_t)total;
    return 0;
}

int option_refuse(const struct option_apply *a, const struct word *word, const char *expected)
{
    struct diagnostic *item = diagnostics_add(a->diagnostics, E0304, &word->span, "'%s' expects %s",
                                              a->statement->directive->name, expected);
    diagnostic_label(a->diagnostics, item, "got %.*s", SLICE_ARGUMENTS(span_text(&word->span)));
    return -EINVAL;
}

static void report_variable(const struct option_apply *a, const struct word *word, slice text,
                            size_t at)
{
    slice rest = slice_after(text, at + 1);
    slice name = slice_first(rest, slice_find_byte(rest, '}'));
    if (word->has_reference)
        name = SLICE("...");
    struct diagnostic *item =
        diagnostics_add(a->diagnostics, E0108, &word->span, "unknown variable in '%s'",
                        a->statement->directive->name);
    diagnostic_label(a->diagnostics, item, "contains {%.*s}", SLICE_ARGUMENTS(name));
    struct suggestion near = suggestion_for(name);
    char list[256];
    struct writer w = writer_over(list, sizeof list);
    for (size_t i = 0; template_variable_names[i]; i++) {
        suggestion_offer(&near, slice_from(template_variable_names[i]));
        writer_format(&w, "%s{%s}", i ? " " : "", template_variable_names[i]);
    }
    if (near.best.len)
        diagnostic_help(a->diagnostics, item, "did you mean {%.*s}?", SLICE_ARGUMENTS(near.best));
    else
        diagnostic_help(a->diagnostics, item, "known are %.*s; a literal brace is \"\\{\"",
                        SLICE_ARGUMENTS(writer_slice(&w)));
}

int option_template(const struct option_apply *a, const struct word *word, slice text,
                    struct template *ret)
{
    size_t at = 0;
    int error = template_compile(a->arena, text, ret, &at);
    if (error == -EINVAL)
        report_variable(a, word, text, at);
    return error;
}

int option_refuse_file(const struct option_apply *a, const struct word *word, slice path, slice why)
{
    struct diagnostic *item =
        diagnostics_add(a->diagnostics, E0504, &word->span, "cannot use '%.*s': %.*s",
                        SLICE_ARGUMENTS(word_shown(word, path)), SLICE_ARGUMENTS(why));
    diagnostic_label(a->diagnostics, item, "named here");
    return -EINVAL;
}

int option_authorities(const struct option_apply *a, const struct word *word, slice path, slice pem)
{
    char memory[WHY_BYTES];
    struct writer why = writer_over(memory, sizeof memory);
    X509_STORE *trust = NULL;
    int error = tls_trust_make(pem, &trust, &why);
    X509_STORE_free(trust);
    return error == -EINVAL ? option_refuse_file(a, word, path, writer_slice(&why)) : error;
}

int option_network(const struct option_apply *a, const struct word *word, slice text,
                   struct ip_network *ret)
{
    int error = ip_network_parse(text, ret);
    if (error == 0)
        return 0;
    if (error != -EDOM)
        return option_refuse(a, word, "an address or network such as 192.0.2.1 or 10.0.0.0/8");
    struct diagnostic *item =
        diagnostics_add(a->diagnostics, E0304, &word->span,
                        "'%s' expects a network, and this one has bits behind its prefix",
                        a->statement->directive->name);
    diagnostic_label(a->diagnostics, item, "got %.*s", SLICE_ARGUMENTS(span_text(&word->span)));
    diagnostic_help(a->diagnostics, item, "write the network's first address, or drop the prefix");
    return -EINVAL;
}

int option_fingerprint(const struct option_apply *a, const struct word *word, slice text,
                       enum fingerprint_kind kind)
{
    if (kind == FINGERPRINT_H2 ? h2_fingerprint_pattern_is_valid(text) : ja4_pattern_is_valid(text))
        return 0;
    return option_refuse(
        a, word,
        kind == FINGERPRINT_H2
            ? "an HTTP/2 fingerprint in quotes, such as \"1:65536;4:131072|12517377|0|m,p,a,s\", "
              "or its beginning and a star: \"1:65536;*\""
            : "a JA4 fingerprint such as t13d1516h2_8daaf6152771_e5627efa2ab1, or its first parts "
              "and a star: t13d1516h2_*");
}

static void report_path(const struct option_apply *a, const struct word *word, slice text)
{
    text = word->has_reference ? SLICE("ADDRESS/PATH") : text;
    size_t scheme = slice_find(text, SLICE("://"));
    slice address = scheme < text.len ? slice_after(text, scheme + 3) : text;
    size_t slash = slice_find_byte(address, '/');
    slice path = slice_after(address, slash);
    address = slice_first(address, slash);
    struct diagnostic *item =
        diagnostics_add(a->diagnostics, E0402, &word->span, "an origin address has no path");
    diagnostic_label(a->diagnostics, item, "has the path %.*s", SLICE_ARGUMENTS(path));
    diagnostic_help(a->diagnostics, item,
                    "to keep the request's path:  to %.*s      to put a prefix before it:  "
                    "to %.*s path %.*s",
                    SLICE_ARGUMENTS(address), SLICE_ARGUMENTS(address), SLICE_ARGUMENTS(path));
}

static void report_scheme(const struct option_apply *a, const struct word *word, slice text)
{
    slice scheme = slice_first(text, slice_find(text, SLICE("://")));
    struct diagnostic *item =
        diagnostics_add(a->diagnostics, E0204, &word->span,
                        "a server is reached by http://, https://, h2://, grpc:// or grpcs://: "
                        "'%.*s' is not built in this version",
                        SLICE_ARGUMENTS(scheme));
    diagnostic_label(a->diagnostics, item, "not built");
    if (slice_equal_fold(scheme, SLICE("http2")) || slice_equal_fold(scheme, SLICE("h2c")))
        diagnostic_help(a->diagnostics, item,
                        "HTTP/2 without TLS is h2:// here; over TLS https:// agrees on it");
}

int option_server(const struct option_apply *a, const struct word *word, slice text,
                  struct server *ret)
{
    const char *expected = NULL;
    slice copy = arena_copy(a->arena, text);
    if (!copy.ptr)
        return -ENOMEM;
    int error = endpoint_parse_server(copy, ret, &expected);
    if (error == -EINVAL)
        return option_refuse(a, word, expected);
    if (error == -EISDIR)
        report_path(a, word, text);
    if (error == -EPROTONOSUPPORT)
        report_scheme(a, word, text);
    return error ? -EINVAL : 0;
}
