/* `headers`: what is changed in the fields of requests and responses. */
#include "filters/options.h"

#include <errno.h>

#include "wire/field.h"

#define OBJECT_HEADERS (OBJECT_FEATURE + FEATURE_HEADERS)

/* Fields that make up the message itself: an edit would break its framing. */
static bool is_framing(slice name)
{
    static const char *const names[] = {
        "Connection", "Content-Length", "Host",   "Keep-Alive",       "TE",
        "Trailer",    "Upgrade",        "Expect", "Proxy-Connection", "Transfer-Encoding"
    };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (slice_equal_fold(slice_from(names[i]), name))
            return true;
    return false;
}

static bool is_in_request(const struct option_apply *a)
{
    return a->statement->parent->directive->block_scope == SCOPE_HEADERS_REQUEST;
}

static int check_name(const struct option_apply *a)
{
    const struct argument_value *name = option_argument(a, 0);
    if (!field_name_is_token(name->text))
        return option_refuse(a, name->word, "the name of a header field");
    bool is_host = is_in_request(a) && slice_equal_fold(name->text, SLICE("Host"));
    if (is_framing(name->text) && !is_host)
        return option_refuse(a, name->word, "a field that is not part of the message's framing");
    return 0;
}

/* A literal part of a value must be one that a field may have. */
static bool values_are_valid(const struct template *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (t->parts[i].variable == TEMPLATE_LITERAL && !field_value_is_valid(t->parts[i].text))
            return false;
    return true;
}

static int append_edit(struct option_apply *a, const struct header_edit *edit, bool in_request)
{
    struct headers_settings *h = a->object;
    if (in_request)
        return option_append(a->arena, OPTION_ARRAY(h->request, h->request_count), edit, 1);
    return option_append(a->arena, OPTION_ARRAY(h->response, h->response_count), edit, 1);
}

static int apply_edit(struct option_apply *a, enum header_edit_kind kind)
{
    TRY(check_name(a));
    const struct argument_value *value = option_argument(a, 1);
    struct header_edit edit = { .kind = kind };
    edit.name = arena_copy(a->arena, option_argument(a, 0)->text);
    if (!edit.name.ptr)
        return -ENOMEM;
    edit.id = field_id_of(edit.name);
    if (kind != HEADER_REMOVE) {
        TRY(option_template(a, value->word, value->text, &edit.value));
        if (!values_are_valid(&edit.value))
            return option_refuse(a, value->word, "a value without control characters");
    }
    return append_edit(a, &edit, is_in_request(a));
}

/* The same field set twice in one block: text order must not decide. */
static int check_set_once(const struct option_apply *a)
{
    slice name = option_argument(a, 0)->text;
    const struct statement *s = a->statement->parent->first;
    for (; s != a->statement; s = s->next) {
        if (s->directive != a->statement->directive || s->is_broken ||
            !slice_equal_fold(s->values->arguments[0].text, name))
            continue;
        struct diagnostic *item =
            diagnostics_add(a->diagnostics, E0203, &option_argument(a, 0)->word->span,
                            "the field '%.*s' is set twice",
                            SLICE_ARGUMENTS(word_shown(option_argument(a, 0)->word, name)));
        diagnostic_label(a->diagnostics, item, "second time");
        diagnostic_help(a->diagnostics, item, "first at line %u; `add` gives a field twice",
                        s->name.span.line);
        return -EINVAL;
    }
    return 0;
}

static int set_apply(struct option_apply *a)
{
    TRY(check_set_once(a));
    return apply_edit(a, HEADER_SET);
}

static int add_apply(struct option_apply *a)
{
    return apply_edit(a, HEADER_ADD);
}

static int remove_apply(struct option_apply *a)
{
    return apply_edit(a, HEADER_REMOVE);
}

static int via_apply(struct option_apply *a)
{
    struct headers_settings *h = a->object;
    h->says_via = option_argument(a, 0)->number == 0;
    return 0;
}

/* What browsers are told so that a page can do less harm. Nothing here changes how an ordinary page
 * looks or works. */
static const struct {
    const char *name, *value;
} hardened[] = {
    { "X-Content-Type-Options", "nosniff" },
    { "X-Frame-Options", "SAMEORIGIN" },
    { "Referrer-Policy", "strict-origin-when-cross-origin" },
    { "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()" },
    { "Cross-Origin-Opener-Policy", "same-origin-allow-popups" },
    { "X-Permitted-Cross-Domain-Policies", "none" },
};

static int headers_apply(struct option_apply *a)
{
    if (!option_argument(a, 0)->is_set)
        return 0;
    for (size_t i = 0; i < ARRAY_LENGTH(hardened); i++) {
        struct header_edit edit = { .kind = HEADER_SET, .name = slice_from(hardened[i].name) };
        edit.id = field_id_of(edit.name);
        size_t unused;
        TRY(template_compile(a->arena, slice_from(hardened[i].value), &edit.value, &unused));
        TRY(append_edit(a, &edit, false));
    }
    ((struct headers_settings *)a->object)->is_hardened = true;
    return 0;
}

#define IN_HEADERS SCOPE_HEADERS | SCOPE_HEADERS_REQUEST
#define NAME_AND_VALUE                                                                             \
    {                                                                                              \
        { .name = "NAME", .kind = ARGUMENT_TEXT },                                                 \
        {                                                                                          \
            .name = "VALUE", .kind = ARGUMENT_TEXT                                                 \
        }                                                                                          \
    }

static const struct directive rows[] = {
    { .name = "headers",
      .scopes = SCOPE_DEFAULTS | SCOPE_POLICY | SCOPE_SITE | SCOPE_ROUTE,
      .block_scope = SCOPE_HEADERS,
      .block_is_optional = true,
      .is_repeatable = true,
      .merges = true,
      .arguments = { { .name = "SET",
                       .kind = ARGUMENT_CHOICE,
                       .form = FORM_OPTIONAL,
                       .choices = "hardened",
                       .later = "plain" } },
      .object = OBJECT_HEADERS,
      .meaning = "Changes header fields of responses and requests",
      .details = "hardened sets X-Content-Type-Options, X-Frame-Options, Referrer-Policy, "
                 "Permissions-Policy, Cross-Origin-Opener-Policy and "
                 "X-Permitted-Cross-Domain-Policies, and has browsers remember for a year that the "
                 "site is HTTPS only, unless `hsts` is written. Edits of defaults, policy, site "
                 "and route are "
                 "made in this order, so a nearer `set` or `remove` has the last word. Server, "
                 "X-Powered-By and their like are removed in any case.",
      .example = "headers hardened { set X-Frame-Options DENY }",
      .since = "0.1",
      .apply = headers_apply },
    { .name = "request",
      .scopes = SCOPE_HEADERS,
      .block_scope = SCOPE_HEADERS_REQUEST,
      .is_repeatable = true,
      .merges = true,
      .meaning = "Changes fields of the request on its way to the origin",
      .example = "request { set X-Client {client.ip} }",
      .since = "0.1" },
    { .name = "set",
      .scopes = IN_HEADERS,
      .is_repeatable = true,
      .turn = 2,
      .arguments = NAME_AND_VALUE,
      .object = OBJECT_HEADERS,
      .meaning = "Gives the field this value, and only this",
      .example = "set X-Frame-Options DENY",
      .since = "0.1",
      .apply = set_apply },
    { .name = "add",
      .scopes = IN_HEADERS,
      .is_repeatable = true,
      .turn = 3,
      .arguments = NAME_AND_VALUE,
      .object = OBJECT_HEADERS,
      .meaning = "Adds a field, besides those of the same name",
      .example = "add Link \"</style.css>; rel=preload\"",
      .since = "0.1",
      .apply = add_apply },
    { .name = "remove",
      .scopes = IN_HEADERS,
      .is_repeatable = true,
      .turn = 1,
      .arguments = { { .name = "NAME", .kind = ARGUMENT_TEXT } },
      .object = OBJECT_HEADERS,
      .meaning = "Removes every field of this name",
      .example = "remove X-Debug",
      .since = "0.1",
      .apply = remove_apply },
    { .name = "via",
      .scopes = SCOPE_HEADERS,
      .arguments = { { .name = "SWITCH", .kind = ARGUMENT_CHOICE, .choices = "on|off" } },
      .object = OBJECT_HEADERS,
      .preset = "off",
      .meaning = "Tells clients with a Via field that a proxy stands in between",
      .example = "via on",
      .since = "0.1",
      .apply = via_apply },
};

const struct directive_table headers_options = { "Header fields", rows, ARRAY_LENGTH(rows) };
