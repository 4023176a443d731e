/* `site` and `route`: which requests a setting is about. The loader (src/control/load_site.c)
 * builds both; here stand their rows and the conditions of a route. */
#include "proxy/options.h"
#include "wire/field.h"

#include <errno.h>

/* The words of `when`, in the order of enum condition_kind. */
#define CONDITION_WORDS "method|header|query|cookie|ip|ja4|h2"

static int copy_values(struct option_apply *a, const struct argument_value *v, uint32_t from,
                       struct condition *c)
{
    c->value_count = v->count > from ? v->count - from : 0;
    c->values = arena_take_array(a->arena, c->value_count, sizeof *c->values);
    if (!c->values)
        return -ENOMEM;
    for (uint32_t i = 0; i < c->value_count; i++) {
        c->values[i] = arena_copy(a->arena, v->texts[from + i]);
        if (!c->values[i].ptr)
            return -ENOMEM;
    }
    return 0;
}

static int take_methods(struct option_apply *a, const struct argument_value *v, struct condition *c)
{
    for (uint32_t i = 0; i < v->count; i++)
        if (!field_name_is_token(v->texts[i]))
            return option_refuse(a, &v->words[i], "methods such as GET or POST");
    return copy_values(a, v, 0, c);
}

static int take_networks(struct option_apply *a, const struct argument_value *v,
                         struct condition *c)
{
    struct network_entry *entries = arena_take_array(a->arena, v->count, sizeof *entries);
    if (!entries)
        return -ENOMEM;
    bool is_broken = false;
    for (uint32_t i = 0; i < v->count; i++)
        if (option_network(a, &v->words[i], v->texts[i], &entries[i].network) != 0)
            is_broken = true;
    if (is_broken)
        return -EINVAL;
    return network_set_build(a->arena, entries, v->count, &c->networks);
}

static int take_fingerprints(struct option_apply *a, const struct argument_value *v,
                             enum fingerprint_kind kind, struct condition *c)
{
    for (uint32_t i = 0; i < v->count; i++)
        TRY(option_fingerprint(a, &v->words[i], v->texts[i], kind));
    return copy_values(a, v, 0, c);
}

static int take_named(struct option_apply *a, const struct argument_value *v, struct condition *c)
{
    if (c->kind != CONDITION_QUERY && !field_name_is_token(v->texts[0]))
        return option_refuse(a, &v->words[0], "a name, then the values it may have");
    c->name = arena_copy(a->arena, v->texts[0]);
    return c->name.ptr ? copy_values(a, v, 1, c) : -ENOMEM;
}

static int when_apply(struct option_apply *a)
{
    struct route *route = a->object;
    const struct argument_value *values = option_argument(a, 2);
    struct condition c = { .kind = (enum condition_kind)option_argument(a, 1)->number,
                           .negated = option_argument(a, 0)->is_set };
    if (c.kind == CONDITION_METHOD)
        TRY(take_methods(a, values, &c));
    else if (c.kind == CONDITION_IP)
        TRY(take_networks(a, values, &c));
    else if (c.kind == CONDITION_JA4)
        TRY(take_fingerprints(a, values, FINGERPRINT_JA4, &c));
    else if (c.kind == CONDITION_H2)
        TRY(take_fingerprints(a, values, FINGERPRINT_H2, &c));
    else
        TRY(take_named(a, values, &c));
    return option_append(a->arena, OPTION_ARRAY(route->conditions, route->condition_count), &c, 1);
}

static const struct directive rows_of_sites[] = {
    { .name = "site",
      .scopes = SCOPE_TOP,
      .block_scope = SCOPE_SITE,
      .is_repeatable = true,
      .arguments = { { .name = "HOST", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .meaning = "The hosts that are served, and how",
      .details = "A host is a name, *.name for every name below it, * for every host, or :port for "
                 "every host on that port. The exact name is chosen before the longest *.name, and "
                 "that before *. A host of no site is refused with 421.",
      .example = "site app.example.com *.app.example.com { to 127.0.0.1:3000 }",
      .since = "0.1" },
    { .name = "extend",
      .scopes = SCOPE_TOP,
      .block_scope = SCOPE_EXTEND,
      .is_repeatable = true,
      .arguments = { { .name = "WHAT", .kind = ARGUMENT_CHOICE, .choices = "site" },
                     { .name = "HOST", .kind = ARGUMENT_TEXT } },
      .meaning = "Adds routes to a site, from another file",
      .example = "extend site app.example.com { route /api/* { to 127.0.0.1:3001 } }",
      .since = "0.1" },
    { .name = "on",
      .scopes = SCOPE_SITE,
      .arguments = { { .name = "ADDRESS", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .meaning = "Serves the site on these addresses of `listen` only",
      .example = "on 127.0.0.1:8080",
      .since = "0.1" },
    { .name = "use",
      .scopes = SCOPE_SITE,
      .is_repeatable = true,
      .arguments = { { .name = "POLICY", .kind = ARGUMENT_NAME, .form = FORM_MANY } },
      .meaning = "Takes over the settings of a policy; the site's own go before them",
      .example = "use public",
      .since = "0.1" },
};

static const struct directive rows_of_routes[] = {
    { .name = "route",
      .scopes = SCOPE_SITE | SCOPE_EXTEND,
      .block_scope = SCOPE_ROUTE,
      .is_repeatable = true,
      .arguments = { { .name = "HOW",
                       .kind = ARGUMENT_CHOICE,
                       .form = FORM_OPTIONAL,
                       .choices = "=|~" },
                     { .name = "PATTERN", .kind = ARGUMENT_TEXT, .form = FORM_MANY },
                     { .name = "priority",
                       .kind = ARGUMENT_NUMBER,
                       .form = FORM_KEYWORD,
                       .min = 0,
                       .max = 1000000 } },
      .meaning = "Settings for some paths of a site",
      .details = "/x is that path alone (so is = /x), /x/* is /x and everything below it, *.css an "
                 "extension, ~ a regular expression. The most specific route is chosen: higher "
                 "priority, then exact before prefix before extension before regular expression, "
                 "then the longer text, then more conditions. Two that are equal are an error.",
      .example = "route /api/* { to 127.0.0.1:3001 }",
      .since = "0.1" },
    { .name = "when",
      .scopes = SCOPE_ROUTE,
      .is_repeatable = true,
      .arguments = { { .name = "not", .kind = ARGUMENT_TEXT, .form = FORM_FLAG },
                     { .name = "WHAT",
                       .kind = ARGUMENT_CHOICE,
                       .choices = CONDITION_WORDS,
                       .later = "country|asn|time" },
                     { .name = "VALUE", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .object = OBJECT_ROUTE,
      .meaning = "A further condition of the route; all must hold",
      .details = "method: one of these. header, query, cookie: a name, then the values it may "
                 "have; none: it is there. ip: the client is in one of these networks. ja4: the "
                 "TLS client has one of these fingerprints, or one that begins like "
                 "t13d1516h2_8daaf6152771_* or t13d1516h2_*; a client without TLS has none. h2: a "
                 "client of HTTP/2, likewise, in quotes: \"1:65536;2:0;*\".",
      .example = "when method GET HEAD",
      .since = "0.1",
      .apply = when_apply },
    { .name = "priority",
      .scopes = SCOPE_ROUTE,
      .arguments = { { .name = "N",
                       .kind = ARGUMENT_NUMBER,
                       .min = 0,
                       .max = 1000000,
                       STORED(struct route, priority) } },
      .object = OBJECT_ROUTE,
      .preset = "0",
      .meaning = "Which of two equally specific routes is chosen: the higher",
      .example = "priority 1",
      .since = "0.1" },
};

const struct directive_table site_options = { "Sites", rows_of_sites, ARRAY_LENGTH(rows_of_sites) };
const struct directive_table route_options = { "Routes", rows_of_routes,
                                               ARRAY_LENGTH(rows_of_routes) };
