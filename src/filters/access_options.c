/* `allow`, `deny` and `list`: who may come in. */
#include "filters/options.h"

#include <errno.h>

#include "wire/field.h"

/* The words of `allow` and `deny`. */
enum access_word { ACCESS_IP, ACCESS_LIST, ACCESS_METHOD, ACCESS_ALL, ACCESS_JA4, ACCESS_H2 };
#define ALLOW_WORDS "ip|list|method|all"
#define DENY_WORDS  ALLOW_WORDS "|ja4|h2" /* claims: they let nobody in */

struct access_statement {
    struct option_apply *a;
    struct access_settings *settings;
    const struct argument_value *values;
    bool denies;
    slice *where; /* the statement's own place */
};

static int add_networks(struct access_statement *s, const struct network_entry *entries,
                        uint32_t count)
{
    struct network_entry *copy = arena_take_array(s->a->arena, count, sizeof *copy);
    if (!copy)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        copy[i] = (struct network_entry){ .network = entries[i].network,
                                          .depth = s->a->depth,
                                          .denies = s->denies,
                                          .where = s->where };
    return option_append(s->a->arena, OPTION_ARRAY(s->settings->entries, s->settings->entry_count),
                         copy, count);
}

static int add_ips(struct access_statement *s)
{
    struct network_entry *entries =
        arena_take_array(s->a->arena, s->values->count, sizeof *entries);
    if (!entries)
        return -ENOMEM;
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->values->count; i++)
        if (option_network(s->a, &s->values->words[i], s->values->texts[i],
                           &entries[count].network) == 0)
            count++;
    return add_networks(s, entries, count);
}

static int add_lists(struct access_statement *s)
{
    for (uint32_t i = 0; i < s->values->count; i++) {
        slice name = s->values->texts[i];
        struct network_list *list = s->a->names->find_list(s->a->names->context, name);
        if (list) {
            list->is_used = true;
            TRY(add_networks(s, list->entries, list->count));
            continue;
        }
        name = word_shown(&s->values->words[i], name);
        struct diagnostic *item =
            diagnostics_add(s->a->diagnostics, E0401, &s->values->words[i].span,
                            "no list named '%.*s'", SLICE_ARGUMENTS(name));
        diagnostic_label(s->a->diagnostics, item, "not defined");
        diagnostic_help(s->a->diagnostics, item, "for example:  list %.*s ip 192.0.2.0/24",
                        SLICE_ARGUMENTS(name));
    }
    return 0;
}

static int add_methods(struct access_statement *s)
{
    uint32_t *known = s->denies ? &s->settings->methods_denied : &s->settings->methods_allowed;
    struct slice_list *other =
        s->denies ? &s->settings->other_methods_denied : &s->settings->other_methods_allowed;
    for (uint32_t i = 0; i < s->values->count; i++) {
        slice token = s->values->texts[i];
        if (!field_name_is_token(token)) {
            option_refuse(s->a, &s->values->words[i], "methods such as GET or POST");
            continue;
        }
        enum method method = method_of(token);
        if (method != METHOD_OTHER) {
            *known |= 1u << method;
            continue;
        }
        slice copy = arena_copy(s->a->arena, token);
        if (!copy.ptr)
            return -ENOMEM;
        TRY(option_append(s->a->arena, OPTION_ARRAY(other->items, other->count), &copy, 1));
    }
    s->settings->methods_where = *s->where;
    return 0;
}

static int add_fingerprints(struct access_statement *s, enum fingerprint_kind kind)
{
    struct access_settings *settings = s->settings;
    for (uint32_t i = 0; i < s->values->count; i++) {
        struct denied_fingerprint item = { .kind = kind, .where = *s->where };
        if (option_fingerprint(s->a, &s->values->words[i], s->values->texts[i], kind) != 0)
            continue;
        settings->denies_h2 |= kind == FINGERPRINT_H2;
        item.pattern = arena_copy(s->a->arena, s->values->texts[i]);
        if (!item.pattern.ptr)
            return -ENOMEM;
        TRY(option_append(s->a->arena,
                          OPTION_ARRAY(settings->fingerprints, settings->fingerprint_count), &item,
                          1));
    }
    return 0;
}

static int add_all(struct access_statement *s)
{
    if (s->values->count)
        return option_refuse(s->a, s->values->word, "nothing behind 'all'");
    return add_networks(s, &(struct network_entry){ 0 }, 1); /* ::/0 holds IPv4 too */
}

static int apply(struct option_apply *a, bool denies)
{
    struct access_statement s = {
        .a = a, .settings = a->object, .values = option_argument(a, 1), .denies = denies
    };
    enum access_word word = (enum access_word)option_argument(a, 0)->number;
    s.where = arena_take(a->arena, sizeof *s.where);
    if (!s.where)
        return -ENOMEM;
    TRY(statement_where(a->statement, a->arena, s.where));
    if (word != ACCESS_ALL && s.values->count == 0)
        return option_refuse(a, option_argument(a, 0)->word, "values behind it");
    switch (word) {
    case ACCESS_IP:
        return add_ips(&s);
    case ACCESS_LIST:
        return add_lists(&s);
    case ACCESS_METHOD:
        return add_methods(&s);
    case ACCESS_ALL:
        return add_all(&s);
    case ACCESS_JA4:
        return add_fingerprints(&s, FINGERPRINT_JA4);
    case ACCESS_H2:
        return add_fingerprints(&s, FINGERPRINT_H2);
    }
    return 0;
}

static int allow_apply(struct option_apply *a)
{
    return apply(a, false);
}

static int deny_apply(struct option_apply *a)
{
    return apply(a, true);
}

int access_finish(struct arena *a, struct access_settings *settings)
{
    return network_set_build(a, settings->entries, settings->entry_count, &settings->networks);
}

#define ACCESS_ROW(words)                                                                          \
    .scopes = SCOPE_DEFAULTS | SCOPE_POLICY | SCOPE_SITE | SCOPE_ROUTE, .is_repeatable = true,     \
    .arguments = { { .name = "WHAT",                                                               \
                     .kind = ARGUMENT_CHOICE,                                                      \
                     .choices = (words),                                                           \
                     .later = "country|asn|agent" },                                               \
                   { .name = "VALUE", .kind = ARGUMENT_TEXT, .form = FORM_SOME } },                \
    .object = OBJECT_FEATURE + FEATURE_ACCESS, .since = "0.1"

static const struct directive rows[] = {
    { ACCESS_ROW(ALLOW_WORDS), .name = "allow",
      .meaning = "Lets clients or methods in that a `deny` covers",
      .details = "Everything is allowed that nothing denies. Statements of defaults, policy, site "
                 "and route add up: the longest prefix decides, of equals the nearer block, then "
                 "deny. `allow method GET` refuses every other method.",
      .example = "allow ip 192.0.2.0/24", .apply = allow_apply },
    { ACCESS_ROW(DENY_WORDS), .name = "deny", .meaning = "Refuses clients (403) or methods (405)",
      .details = "ja4: TLS clients with one of these fingerprints, or one that begins like "
                 "t13d1516h2_8daaf6152771_* or t13d1516h2_*. h2: clients of HTTP/2, likewise, in "
                 "quotes: \"1:65536;2:0;*\". They tell programs apart, not people, and can be "
                 "forged: good against a flood of one tool, no proof of anything.",
      .example = "deny all", .apply = deny_apply },
    { .name = "list",
      .scopes = SCOPE_TOP,
      .is_repeatable = true,
      .arguments = { { .name = "NAME", .kind = ARGUMENT_NAME },
                     { .name = "KIND", .kind = ARGUMENT_CHOICE, .choices = "ip" },
                     { .name = "ITEM", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .meaning = "Networks under a name: written here, or in files with one on each line",
      .details = "An item that begins with '/' or './' is a file; in it '#' begins a comment.",
      .example = "list office ip 192.0.2.0/24 198.51.100.7",
      .since = "0.1" },
};

const struct directive_table access_options = { "Access", rows, ARRAY_LENGTH(rows) };
