/* `to`: where requests go, and in which form. */
#include "proxy/options.h"
#include "wire/uri.h"

#include <errno.h>

static int prefix_apply(struct option_apply *a, struct target_settings *t)
{
    const struct argument_value *prefix = option_argument(a, 1);
    char canonical[1024];
    struct writer w = writer_over(canonical, sizeof canonical);
    struct path_options options = { .slashes = SLASH_REFUSE, .collapse_slashes = true };
    const char *reason;
    if (prefix->text.len == 0 || prefix->text.ptr[0] != '/' ||
        slice_find_byte(prefix->text, '?') < prefix->text.len ||
        path_canonicalize(prefix->text, &options, &w, &reason) != 0)
        return option_refuse(a, prefix->word, "a path that begins with '/', without a query");
    slice path = writer_slice(&w);
    if (path.len && path.ptr[path.len - 1] == '/')
        path.len--; /* the path of the request begins with one */
    t->prefix = arena_copy(a->arena, path);
    return t->prefix.ptr ? 0 : -ENOMEM;
}

static int to_apply(struct option_apply *a)
{
    struct target_settings *t = a->object;
    const struct argument_value *target = option_argument(a, 0);
    t->prefix = SLICE("");
    TRY(a->names->find_origin(a->names->context, a, target->word, target->text, &t->origin));
    return option_argument(a, 1)->is_set ? prefix_apply(a, t) : 0;
}

static int slashes_apply(struct option_apply *a)
{
    static const enum slash_policy policies[] = { SLASH_REFUSE, SLASH_DECODE, SLASH_KEEP };
    struct target_settings *t = a->object;
    t->slashes = policies[option_argument(a, 0)->number];
    return 0;
}

static const struct directive rows[] = {
    { .name = "to",
      .scopes = SCOPE_SITE | SCOPE_ROUTE,
      .arguments = { { .name = "ORIGIN", .kind = ARGUMENT_TEXT },
                     { .name = "path", .kind = ARGUMENT_TEXT, .form = FORM_KEYWORD } },
      .object = OBJECT_FEATURE + FEATURE_TARGET,
      .meaning = "Where requests go: the name of an origin, or an address",
      .details = "The path of the request is kept; `path /prefix` is put before it.",
      .example = "to 127.0.0.1:3000 path /v1",
      .since = "0.1",
      .apply = to_apply },
    { .name = "slashes",
      .scopes = SCOPE_DEFAULTS | SCOPE_POLICY | SCOPE_SITE,
      .arguments = { { .name = "POLICY",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "refuse|decode|keep" } },
      .object = OBJECT_FEATURE + FEATURE_TARGET,
      .preset = "refuse",
      .meaning = "What happens to %2F, %5C and '\\' in a path",
      .details = "Servers disagree about them, which lets requests slip past rules: refuse answers "
                 "400, decode makes them '/', keep sends them on encoded. It counts before a route "
                 "is chosen.",
      .example = "slashes keep",
      .since = "0.1",
      .apply = slashes_apply },
};

const struct directive_table target_options = { "Where requests go", rows, ARRAY_LENGTH(rows) };
