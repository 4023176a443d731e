/* `listen` and `trust`: the side of the clients. */
#include "proxy/endpoint.h"
#include "proxy/options.h"

#include <errno.h>

static const struct listen *find_listen(const struct configuration *c, const struct address *a)
{
    for (uint32_t i = 0; i < c->listen_count; i++)
        if (address_equal(&c->listens[i].address, a))
            return &c->listens[i];
    return NULL;
}

/* Port 0 means another port each time, so the same address may stand there twice. */
static bool is_any_port(const struct address *a)
{
    return a->any.sa_family != AF_UNIX && address_port(a) == 0;
}

static int add_listen(struct option_apply *a, const struct word *word, slice text)
{
    struct configuration *c = a->object;
    struct listen listen = { .is_plain = option_argument(a, 1)->is_set,
                             .proxy_protocol = option_argument(a, 2)->is_set,
                             .is_h2c = option_argument(a, 3)->is_set,
                             .is_tls = option_argument(a, 4)->is_set };
    const char *expected;
    if (endpoint_parse_listen(text, &listen.address, &expected) != 0) {
        option_refuse(a, word, expected);
        return 0;
    }
    if (!is_any_port(&listen.address) && find_listen(c, &listen.address)) {
        struct diagnostic *item = diagnostics_add(a->diagnostics, E0412, &word->span,
                                                  "this address is listened on twice");
        diagnostic_label(a->diagnostics, item, "second time");
        return 0;
    }
    if (c->listen_count == LISTENS_MAX) {
        diagnostics_add(a->diagnostics, E0305, &word->span,
                        "there are at most %u addresses to "
                        "listen on",
                        LISTENS_MAX);
        return 0;
    }
    listen.text = arena_copy(a->arena, text);
    if (!listen.text.ptr)
        return -ENOMEM;
    return option_append(a->arena, OPTION_ARRAY(c->listens, c->listen_count), &listen, 1);
}

static int listen_apply(struct option_apply *a)
{
    const struct argument_value *addresses = option_argument(a, 0);
    if (option_argument(a, 4)->is_set && option_argument(a, 1)->is_set)
        return option_refuse(a, option_argument(a, 4)->word, "either 'plain' or 'tls'");
    if (option_argument(a, 4)->is_set && option_argument(a, 3)->is_set)
        return option_refuse(a, option_argument(a, 4)->word,
                             "either 'h2c' or 'tls', which has HTTP/2 by itself");
    for (uint32_t i = 0; i < addresses->count; i++)
        TRY(add_listen(a, &addresses->words[i], addresses->texts[i]));
    return 0;
}

static int refuse_everybody(const struct option_apply *a, const struct word *word)
{
    struct diagnostic *item =
        diagnostics_add(a->diagnostics, E0602, &word->span,
                        "every client could choose its own address in X-Forwarded-For");
    diagnostic_label(a->diagnostics, item, "trusts the whole Internet");
    diagnostic_help(a->diagnostics, item,
                    "list only the proxies in front of you, such as 10.0.0.0/8; when this is "
                    "meant, it is written: trust proxies any");
    return 0;
}

static bool is_everybody(const struct ip_network *n)
{
    return n->prefix == 0 || (n->prefix == 96 && ip_is_v4(n->base));
}

static int trust_apply(struct option_apply *a)
{
    struct configuration *c = a->object;
    const struct argument_value *values = option_argument(a, 1);
    if (values->count == 1 && slice_equal(values->texts[0], SLICE("any"))) {
        c->trusts_any = true;
        return 0;
    }
    for (uint32_t i = 0; i < values->count; i++) {
        struct network_entry entry = { 0 };
        if (option_network(a, &values->words[i], values->texts[i], &entry.network) != 0)
            continue;
        if (is_everybody(&entry.network))
            TRY(refuse_everybody(a, &values->words[i]));
        TRY(option_append(a->arena, OPTION_ARRAY(c->trusted.entries, c->trusted.count), &entry, 1));
    }
    return 0;
}

static const struct directive rows[] = {
    { .name = "listen",
      .scopes = SCOPE_TOP,
      .is_repeatable = true,
      .arguments = { { .name = "ADDRESS", .kind = ARGUMENT_TEXT, .form = FORM_MANY },
                     { .name = "plain", .kind = ARGUMENT_TEXT, .form = FORM_FLAG },
                     { .name = "proxy-protocol", .kind = ARGUMENT_TEXT, .form = FORM_FLAG },
                     { .name = "h2c", .kind = ARGUMENT_TEXT, .form = FORM_FLAG },
                     { .name = "tls", .kind = ARGUMENT_TEXT, .form = FORM_FLAG } },
      .object = OBJECT_CONFIGURATION,
      .meaning = "Addresses on which clients are served",
      .details =
          ":80 is every address of both families; unix:/path is a Unix socket. "
          "proxy-protocol: every connection begins with a PROXY header (v1 or v2), and one "
          "that does not is closed. tls: HTTPS and HTTP/2, for sites that have a certificate. "
          "Without it plain HTTP is spoken; sites that are served with TLS too are redirected "
          "there, unless `plain` says that they are not. h2c: clients may speak HTTP/2 at once, "
          "without TLS and without asking (prior knowledge); others speak HTTP/1 on the same port.",
      .example = "listen 127.0.0.1:8080 [::1]:8080",
      .since = "0.1",
      .apply = listen_apply },
    { .name = "trust",
      .scopes = SCOPE_TOP,
      .is_repeatable = true,
      .arguments = { { .name = "WHOM", .kind = ARGUMENT_CHOICE, .choices = "proxies" },
                     { .name = "NETWORK", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .object = OBJECT_CONFIGURATION,
      .meaning = "Proxies in front of this one whose X-Forwarded-For and request ids are believed",
      .details = "Addresses and networks, or `any` for every peer. Without it what clients say "
                 "about themselves is dropped.",
      .example = "trust proxies 10.0.0.0/8",
      .since = "0.1",
      .apply = trust_apply },
};

const struct directive_table listen_options = { "Listening", rows, ARRAY_LENGTH(rows) };
