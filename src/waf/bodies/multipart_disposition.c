#include "waf/bodies/multipart_parts.h"

/* A walk over the field's value. */
struct walk {
    struct body_reader *r;
    slice value;
    size_t at;
    size_t body_at; /* where it stands in the body, for messages */
};

static int fail(struct walk *w, const char *what)
{
    return body_fail(w->r, BODY_ERROR, w->body_at, "multipart: Content-Disposition has %s", what);
}

static bool over(const struct walk *w)
{
    return w->at == w->value.len;
}

static char here(const struct walk *w)
{
    return w->value.ptr[w->at];
}

static bool skip_blanks(struct walk *w)
{
    while (!over(w) && (here(w) == ' ' || here(w) == '\t'))
        w->at++;
    return !over(w);
}

/* A value between quotes, single ones too, as some origins take them. A backslash stands before a
 * quote and a backslash only; elsewhere it is itself (browsers send paths so). */
static int read_quoted(struct walk *w, slice *ret)
{
    char quote = here(w);
    if (quote == '\'')
        w->r->state.flags |= BODY_INVALID_QUOTING;
    size_t from = ++w->at, len = 0;
    char *text = arena_take_bytes(w->r->arena, w->value.len - from + 1);
    if (!text)
        return -ENOMEM;
    for (; !over(w) && here(w) != quote; w->at++) {
        if (here(w) == '\\') {
            if (w->at + 1 == w->value.len)
                return fail(w, "a backslash at its end");
            char next = w->value.ptr[w->at + 1];
            w->at += next == quote || next == '\\';
        }
        text[len++] = here(w);
    }
    if (over(w))
        return fail(w, "a quoted value that does not end");
    w->at++;
    *ret = slice_of(text, len);
    return 0;
}

/* RFC 2045 §5.1: token */
static bool is_token(char c)
{
    return c > 0x20 && c < 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

static slice read_token(struct walk *w)
{
    size_t from = w->at;
    while (!over(w) && is_token(here(w)))
        w->at++;
    return slice_of(w->value.ptr + from, w->at - from);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 8187 §3.2: ext-value = charset "'" [ language ] "'" value-chars. What is none stays as it is.
 */
static int decode_extended(struct walk *w, slice value, slice *ret)
{
    size_t first = slice_find_byte(value, '\'');
    slice rest = slice_after(value, first + 1);
    size_t second = slice_find_byte(rest, '\'');
    slice encoded = second < rest.len ? slice_after(rest, second + 1) : value;
    char *text = arena_take_bytes(w->r->arena, encoded.len + 1);
    if (!text)
        return -ENOMEM;
    size_t len = 0;
    for (size_t i = 0; i < encoded.len; i++) {
        char c = encoded.ptr[i];
        if (c == '%' && encoded.len - i > 2) {
            int high = hex_digit(encoded.ptr[i + 1]), low = hex_digit(encoded.ptr[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (char)(high << 4 | low);
                i += 2;
            }
        }
        text[len++] = c;
    }
    *ret = slice_of(text, len);
    return 0;
}

/* RFC 8187 §3.2.1: attr-char, without what is a token's and none of these. */
static bool is_attribute_character(char c)
{
    return is_token(c) && !strchr("*'%", c);
}

/* UTF-8, no language, nothing but what the grammar allows: others are not read alike. */
static bool is_plain_extended(slice value)
{
    static const slice charset = SLICE("utf-8''");
    if (!slice_equal_fold(slice_first(value, charset.len), charset))
        return false;
    for (size_t i = charset.len; i < value.len; i++) {
        if (is_attribute_character(value.ptr[i]))
            continue;
        if (value.ptr[i] != '%' || value.len - i < 3 || hex_digit(value.ptr[i + 1]) < 0 ||
            hex_digit(value.ptr[i + 2]) < 0)
            return false;
        i += 2;
    }
    return true;
}

static int take_parameter(struct walk *w, slice name, slice value, bool double_quoted,
                          struct disposition *d)
{
    bool quotes = !double_quoted && slice_find_byte(value, '\'') < value.len;
    if (slice_equal(name, SLICE("name"))) {
        if (d->has_name)
            return fail(w, "two names");
        d->has_name = true;
        d->name = value;
    } else if (slice_equal(name, SLICE("filename"))) {
        if (d->has_filename)
            return fail(w, "two file names");
        d->has_filename = true;
        d->filename = value;
    } else if (slice_equal(name, SLICE("filename*"))) {
        if (d->has_filename_star)
            return fail(w, "two file names");
        d->has_filename_star = true;
        if (!is_plain_extended(value))
            w->r->state.flags |= BODY_INVALID_PART;
        return decode_extended(w, value, &d->filename_star);
    } else {
        return fail(w, "an unknown parameter");
    }
    if (quotes)
        w->r->state.flags |= BODY_INVALID_QUOTING;
    return 0;
}

/* `name = value`, blanks allowed around the equals sign. */
static int read_parameter(struct walk *w, struct disposition *d)
{
    if (!skip_blanks(w))
        return fail(w, "a semicolon at its end");
    size_t from = w->at;
    while (!over(w) && here(w) != '=' && here(w) != ' ' && here(w) != '\t')
        w->at++;
    slice name = slice_of(w->value.ptr + from, w->at - from), value;
    if (!skip_blanks(w) || here(w) != '=')
        return fail(w, "a parameter without =");
    w->at++;
    if (!skip_blanks(w))
        return fail(w, "a parameter without a value");
    bool double_quoted = here(w) == '"';
    bool quoted = double_quoted || here(w) == '\'';
    if (quoted)
        TRY(read_quoted(w, &value));
    else
        value = read_token(w);
    TRY(take_parameter(w, name, value, double_quoted, d));
    if (!skip_blanks(w) || here(w) == ';')
        return 0;
    if (quoted)
        w->r->state.flags |= BODY_INVALID_QUOTING;
    return fail(w, "something behind a value");
}

int multipart_disposition(struct body_reader *r, slice value, size_t at, struct disposition *ret)
{
    struct walk w = { .r = r, .value = value, .body_at = at };
    struct disposition d = { 0 };
    if (!slice_starts_with(value, SLICE("form-data")))
        return fail(&w, "another type than form-data");
    w.at = sizeof "form-data" - 1;
    while (skip_blanks(&w)) {
        if (here(&w) != ';')
            return fail(&w, "something unexpected before a semicolon");
        w.at++;
        TRY(read_parameter(&w, &d));
    }
    if (!d.has_name)
        return fail(&w, "no name");
    /* Crude readers look for this very word: whoever is understood by us alone is refused. */
    if (d.has_filename && slice_find(value, SLICE("filename=")) == value.len)
        return fail(&w, "a file name that others do not see");
    /* With another name beside it all readers see a file; alone, some see a field. */
    if (d.has_filename_star && d.filename.len == 0)
        r->state.flags |= BODY_INVALID_PART;
    *ret = d;
    return 0;
}
