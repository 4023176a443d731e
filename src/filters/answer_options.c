/* `redirect` and `respond`: answers that need no origin. */
#include "filters/options.h"

#include <errno.h>

#define OBJECT_ANSWER (OBJECT_FEATURE + FEATURE_ANSWER)

/* What follows "//", up to the path, names a host: only the request's own may be a variable there.
 * Anything else would let clients choose where others are sent. */
static bool authority_is_ours(const struct template *t, uint32_t i, slice rest)
{
    for (;;) {
        for (size_t at = 0; at < rest.len; at++)
            if (rest.ptr[at] == '/' || rest.ptr[at] == '?' || rest.ptr[at] == '#')
                return true;
        if (++i == t->count)
            return true;
        switch (t->parts[i].variable) {
        case TEMPLATE_LITERAL:
            rest = t->parts[i].text;
            break;
        case TEMPLATE_PATH:
        case TEMPLATE_URI:
            return true; /* they begin with '/' */
        case TEMPLATE_HOST:
        case TEMPLATE_SITE:
            rest = SLICE("");
            break;
        default:
            return false;
        }
    }
}

/* A path, or "http://", "https://", "{scheme}://" or "//" and a host. */
static bool is_location(const struct template *t)
{
    static const slice starts[] = { SLICE("http://"), SLICE("https://"), SLICE("//") };
    if (t->count == 0)
        return false;
    const struct template_part *first = &t->parts[0];
    if (first->variable == TEMPLATE_PATH || first->variable == TEMPLATE_URI)
        return true;
    if (first->variable == TEMPLATE_SCHEME)
        return t->count > 1 && t->parts[1].variable == TEMPLATE_LITERAL &&
               slice_starts_with(t->parts[1].text, SLICE("://")) &&
               authority_is_ours(t, 1, slice_after(t->parts[1].text, 3));
    if (first->variable != TEMPLATE_LITERAL)
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(starts); i++)
        if (slice_starts_with(first->text, starts[i]))
            return authority_is_ours(t, 0, slice_after(first->text, starts[i].len));
    return slice_starts_with(first->text, SLICE("/"));
}

static int redirect_apply(struct option_apply *a)
{
    static const uint16_t statuses[] = { 301, 302, 307, 308 };
    struct answer_settings *answer = a->object;
    const struct argument_value *to = option_argument(a, 0), *status = option_argument(a, 1);
    struct answer_settings made = { .kind = ANSWER_REDIRECT, .status = 302 };
    if (status->is_set)
        made.status = statuses[status->number];
    TRY(option_template(a, to->word, to->text, &made.text));
    if (!is_location(&made.text))
        return option_refuse(a, to->word,
                             "a path such as /new or an address such as "
                             "https://example.com{uri}, whose host no client can choose");
    *answer = made;
    return 0;
}

static int respond_apply(struct option_apply *a)
{
    struct answer_settings *answer = a->object;
    const struct argument_value *status = option_argument(a, 0), *text = option_argument(a, 1);
    struct answer_settings made = { .kind = ANSWER_RESPOND, .status = (uint16_t)status->number };
    bool has_no_body = made.status == 204 || made.status == 205 || made.status == 304;
    if (has_no_body && text->is_set)
        return option_refuse(a, text->word, "no text with this status: its responses have no body");
    if (text->is_set)
        TRY(option_template(a, text->word, text->text, &made.text));
    *answer = made;
    return 0;
}

static const struct directive rows[] = {
    { .name = "redirect",
      .scopes = SCOPE_SITE | SCOPE_ROUTE,
      .arguments = { { .name = "LOCATION", .kind = ARGUMENT_TEXT },
                     { .name = "status",
                       .kind = ARGUMENT_CHOICE,
                       .form = FORM_KEYWORD,
                       .choices = "301|302|307|308" } },
      .object = OBJECT_ANSWER,
      .meaning = "Answers with another place: a path or an address, with variables",
      .details = "The status is 302 unless written. {uri} is the path with its query. In the "
                 "host only {host} and {site} may be variables, so that no client can choose "
                 "where others are sent; what variables bring is percent-encoded.",
      .example = "redirect https://example.com{uri} status 308",
      .since = "0.1",
      .apply = redirect_apply },
    { .name = "respond",
      .scopes = SCOPE_SITE | SCOPE_ROUTE,
      .arguments = { { .name = "STATUS", .kind = ARGUMENT_NUMBER, .min = 200, .max = 599 },
                     { .name = "TEXT", .kind = ARGUMENT_TEXT, .form = FORM_OPTIONAL } },
      .object = OBJECT_ANSWER,
      .meaning = "Answers with a status and a text",
      .example = "respond 404 \"nothing here\"",
      .since = "0.1",
      .apply = respond_apply },
};

const struct directive_table answer_options = { "Answers", rows, ARRAY_LENGTH(rows) };
