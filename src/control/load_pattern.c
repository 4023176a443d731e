/* The patterns of routes. */
#include <errno.h>

#include "control/loader.h"
#include "control/regex.h"
#include "wire/uri.h"

static struct diagnostic *refuse(struct loader *l, const struct word *word, const char *what)
{
    struct diagnostic *item = diagnostics_add(l->diagnostics, E0408, &word->span, "%s", what);
    diagnostic_label(l->diagnostics, item, "got %.*s", SLICE_ARGUMENTS(span_text(&word->span)));
    return item;
}

/* Paths are matched in their canonical form, so patterns are brought into it. */
static int canonical(struct loader *l, const struct word *word, slice path, slice *ret)
{
    struct path_options options = { .slashes = SLASH_KEEP, .collapse_slashes = true };
    const char *reason = "";
    char text[8192];
    struct writer w = writer_over(text, sizeof text);
    if (path.len && path_canonicalize(path, &options, &w, &reason) != 0) {
        diagnostic_note(l->diagnostics,
                        refuse(l, word, "a pattern is a path as it is after decoding"),
                        "this one would be refused: %s", reason);
        return -EINVAL;
    }
    *ret = arena_copy(&l->c->arena, writer_slice(&w));
    return ret->ptr ? 0 : -ENOMEM;
}

static int make_regex(struct loader *l, const struct word *word, slice text,
                      struct route_pattern *ret)
{
    struct regex_error why = { .text = "" };
    ret->kind = MATCH_REGEX;
    ret->text = arena_copy(&l->c->arena, text);
    struct compiled_regex *owner = arena_take(&l->c->arena, sizeof *owner);
    if (!ret->text.ptr || !owner)
        return -ENOMEM;
    int error = regex_compile(text, &ret->regex, &why);
    if (error == 0) {
        *owner = (struct compiled_regex){ .next = l->c->regexes, .pattern = ret->regex };
        l->c->regexes = owner;
    }
    if (error != -EINVAL)
        return error;
    struct diagnostic *item = diagnostics_add(
        l->diagnostics, E0409, &word->span, "the regular expression cannot be used: %s", why.text);
    diagnostic_label(l->diagnostics, item, "at its character %zu", why.at + 1);
    if (word->kind != TOKEN_RAW)
        diagnostic_help(l->diagnostics, item,
                        "between `backticks` nothing in a regular expression needs escaping");
    return error;
}

static int make_literal(struct loader *l, const struct word *word, slice path, enum match_kind kind,
                        struct route_pattern *ret)
{
    ret->kind = kind;
    return canonical(l, word, path, &ret->text);
}

static bool has_star(slice s)
{
    return slice_find_byte(s, '*') < s.len;
}

static int make_extension(struct loader *l, const struct word *word, slice text,
                          struct route_pattern *ret)
{
    slice extension = slice_after(text, 1);
    if (extension.len < 2 || has_star(extension) ||
        slice_find_byte(extension, '/') < extension.len) {
        diagnostic_help(l->diagnostics, refuse(l, word, "an extension is '*.' and its letters"),
                        "for example *.css");
        return -EINVAL;
    }
    ret->kind = MATCH_EXTENSION;
    ret->text = arena_copy(&l->c->arena, extension);
    return ret->text.ptr ? 0 : -ENOMEM;
}

/* A pattern without '=' or '~'. */
static int make_plain(struct loader *l, const struct word *word, slice text,
                      struct route_pattern *ret)
{
    if (slice_starts_with(text, SLICE("*.")))
        return make_extension(l, word, text, ret);
    if (slice_equal(text, SLICE("*")))
        return make_literal(l, word, SLICE(""), MATCH_PREFIX, ret);
    if (text.len == 0 || text.ptr[0] != '/') {
        diagnostic_help(l->diagnostics, refuse(l, word, "a pattern begins with '/'"), "write /%.*s",
                        SLICE_ARGUMENTS(word_shown(word, text)));
        return -EINVAL;
    }
    if (slice_ends_with(text, SLICE("/*")) && !has_star(slice_first(text, text.len - 1)))
        return make_literal(l, word, slice_first(text, text.len - 2), MATCH_PREFIX, ret);
    if (!has_star(text))
        return make_literal(l, word, text, MATCH_EXACT, ret);
    slice before = slice_first(text, slice_find_byte(text, '*'));
    if (before.len + 1 == text.len)
        diagnostic_help(l->diagnostics, refuse(l, word, "'*' stands behind a '/' only"),
                        "everything below it: %.*s/*      everything that begins so: ~ `^%.*s`",
                        SLICE_ARGUMENTS(word_shown(word, before)),
                        SLICE_ARGUMENTS(word_shown(word, before)));
    else
        diagnostic_help(l->diagnostics, refuse(l, word, "'*' stands at the end of a pattern only"),
                        "write a regular expression: ~ `^%.*s[^/]*...`",
                        SLICE_ARGUMENTS(word_shown(word, before)));
    return -EINVAL;
}

static int make_exact(struct loader *l, const struct word *word, slice text,
                      struct route_pattern *ret)
{
    if (text.len == 0 || text.ptr[0] != '/') {
        diagnostic_help(l->diagnostics, refuse(l, word, "an exact path begins with '/'"),
                        "write = /%.*s", SLICE_ARGUMENTS(word_shown(word, text)));
        return -EINVAL;
    }
    if (has_star(text)) {
        diagnostic_help(l->diagnostics,
                        refuse(l, word, "'=' is the path as it is, '*' means nothing in it"),
                        "leave out the '=': %.*s", SLICE_ARGUMENTS(word_shown(word, text)));
        return -EINVAL;
    }
    return make_literal(l, word, text, MATCH_EXACT, ret);
}

int load_pattern(struct loader *l, const struct statement *route, const struct word *word,
                 slice text, struct route_pattern *ret)
{
    const struct argument_value *how = statement_argument(route, 0);
    *ret = (struct route_pattern){ 0 };
    if (text.len > 4096) {
        refuse(l, word, "a pattern has at most 4096 bytes");
        return -EINVAL;
    }
    if (!how->is_set)
        return make_plain(l, word, text, ret);
    if (how->number == 1)
        return make_regex(l, word, text, ret);
    return make_exact(l, word, text, ret);
}
