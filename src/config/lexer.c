#include "config/lexer.h"

#include "config/utf8.h"

void lexer_open(struct lexer *l, const struct source *source, struct diagnostics *d)
{
    *l = (struct lexer){ .source = source, .diagnostics = d, .line = 1, .line_is_empty = true };
    if (slice_starts_with(source->text, SLICE("\xef\xbb\xbf"))) /* a byte-order mark */
        l->at = l->counted_at = 3;
}

static int byte_at(const struct lexer *l, size_t at)
{
    return at < l->source->text.len ? (unsigned char)l->source->text.ptr[at] : -1;
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Bytes of the line end at `at`: 0, 1 or 2. */
static size_t newline_bytes(const struct lexer *l, size_t at)
{
    if (byte_at(l, at) == '\n')
        return 1;
    return byte_at(l, at) == '\r' && byte_at(l, at + 1) == '\n' ? 2 : 0;
}

static void start_line(struct lexer *l, size_t at)
{
    l->at = at;
    l->line++;
    l->counted_at = at;
    l->counted_columns = 0;
    l->line_is_empty = true;
}

static uint32_t column_of(struct lexer *l, size_t at)
{
    l->counted_columns +=
        text_columns(slice_of(l->source->text.ptr + l->counted_at, at - l->counted_at));
    l->counted_at = at;
    return l->counted_columns + 1;
}

static struct span span_from(struct lexer *l, size_t from)
{
    return (struct span){
        .source = l->source, .offset = (uint32_t)from, .line = l->line, .column = column_of(l, from)
    };
}

/* A span inside the token that is being read, for an error. */
static struct span span_inside(const struct token *t, size_t from, size_t to)
{
    struct span s = t->span;
    if (to > s.source->text.len)
        to = s.source->text.len;
    slice before = slice_of(s.source->text.ptr + s.offset, from > s.offset ? from - s.offset : 0);
    size_t line_start = 0;
    for (size_t i = 0; i < before.len; i++)
        if (before.ptr[i] == '\n') {
            s.line++;
            line_start = i + 1;
            s.column = 1;
        }
    s.column += text_columns(slice_after(before, line_start));
    s.offset = (uint32_t)from;
    s.length = (uint32_t)(to - from);
    return s;
}

static void skip_space(struct lexer *l, struct token *t)
{
    size_t from = l->at;
    for (;;) {
        int c = byte_at(l, l->at);
        if (c == ' ' || c == '\t') {
            l->at++;
            continue;
        }
        size_t ending = c == '\\' ? newline_bytes(l, l->at + 1) : 0;
        if (!ending)
            break;
        start_line(l, l->at + 1 + ending);
        from = l->at;
        l->line_is_empty = false; /* it continues one */
        t->continued = true;
    }
    t->after_space = l->at > from || l->line_is_empty || t->continued;
}

/* Reports a byte that may not stand in a text, once a token. Returns the bytes to step over. */
static size_t take_character(struct lexer *l, struct token *t, size_t at)
{
    int c = byte_at(l, at);
    if (c >= 0x20 && c < 0x7f)
        return 1;
    size_t length = c >= 0x80 ? utf8_length(slice_after(l->source->text, at)) : 0;
    bool is_fine = length || (c == '\t' || c == '\n' || (c == '\r' && newline_bytes(l, at)));
    if (!is_fine && !t->is_broken) {
        struct span where = span_inside(t, at, at + 1);
        struct diagnostic *item =
            c < 0x80 ? diagnostics_add(l->diagnostics, E0101, &where,
                                       "control character 0x%02x in the text", (unsigned)c)
                     : diagnostics_add(l->diagnostics, E0101, &where, "the text is not UTF-8");
        diagnostic_label(l->diagnostics, item, "byte 0x%02x", (unsigned)c);
        t->is_broken = true;
    }
    return length ? length : 1;
}

/* Where the variable that begins at `at` ends (behind its '}'); 0: it has no end. */
static size_t variable_end(const struct lexer *l, size_t at)
{
    size_t i = at + 1;
    for (int c = byte_at(l, i);
         is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
         c = byte_at(l, i))
        i++;
    return byte_at(l, i) == '}' ? i + 1 : 0;
}

/* Where the reference ${...} that begins at `at` ends; 0: it has no end on its line. */
static size_t reference_end(const struct lexer *l, size_t at)
{
    for (size_t i = at + 2; byte_at(l, i) >= 0 && byte_at(l, i) != '\n'; i++)
        if (byte_at(l, i) == '}')
            return i + 1;
    return 0;
}

/* "[0-9]{2}": a '{' in the middle of a word that begins no variable. */
static bool is_count(const struct lexer *l, const struct token *t)
{
    int next = byte_at(l, l->at + 1);
    return l->at > t->span.offset && ((next >= '0' && next <= '9') || next == ',');
}

/* The whole "{2,5}", so that its '}' closes no block. */
static void take_count(struct lexer *l, struct token *t)
{
    if (!t->is_broken) {
        struct span where = span_inside(t, l->at, l->at + 1);
        struct diagnostic *item =
            diagnostics_add(l->diagnostics, E0108, &where, "'{' in a bare word begins a variable");
        diagnostic_label(l->diagnostics, item, "no variable begins so");
        diagnostic_help(l->diagnostics, item, "write a regular expression between `backticks`");
        t->is_broken = true;
    }
    size_t end = l->at + 1;
    while ((byte_at(l, end) >= '0' && byte_at(l, end) <= '9') || byte_at(l, end) == ',')
        end++;
    l->at = byte_at(l, end) == '}' ? end + 1 : end;
}

static void report_variable(struct lexer *l, struct token *t, size_t at, const char *what)
{
    if (!t->is_broken) {
        struct span where = span_inside(t, at, at + 1);
        struct diagnostic *item =
            diagnostics_add(l->diagnostics, E0108, &where, "%s has no '}'", what);
        diagnostic_label(l->diagnostics, item, "begins here");
        diagnostic_help(l->diagnostics, item,
                        "quote the word when '{' is meant literally: \"\\{\"");
    }
    t->is_broken = true;
}

/* One step in a bare word; false at its end. */
static bool word_step(struct lexer *l, struct token *t)
{
    int c = byte_at(l, l->at);
    if (c < 0 || c == ' ' || c == '\t' || c == ';' || c == '}' || c == '"' || c == '`' ||
        newline_bytes(l, l->at) || (c == '\\' && newline_bytes(l, l->at + 1)))
        return false;
    size_t end;
    if (c == '$' && byte_at(l, l->at + 1) == '{') {
        end = reference_end(l, l->at);
        t->has_reference = true;
        if (!end)
            report_variable(l, t, l->at, "the reference");
        l->at = end ? end : l->at + 2;
        return true;
    }
    if (c == '{' && is_count(l, t)) {
        take_count(l, t);
        return true;
    }
    if (c == '{') {
        if (!is_letter(byte_at(l, l->at + 1)))
            return false;
        end = variable_end(l, l->at);
        if (!end)
            report_variable(l, t, l->at, "the variable");
        l->at = end ? end : l->at + 1;
        return true;
    }
    l->at += take_character(l, t, l->at);
    return true;
}

static void lex_word(struct lexer *l, struct token *t)
{
    t->kind = TOKEN_WORD;
    while (word_step(l, t))
        continue;
    if (byte_at(l, l->at - 1) != '\\' || t->is_broken)
        return;
    /* one line later it would mean something else */
    struct span where = span_inside(t, l->at - 1, l->at);
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0101, &where, "a word cannot end with '\\'");
    diagnostic_label(l->diagnostics, item, "not at the end of the line");
    diagnostic_help(l->diagnostics, item,
                    "'\\' as the last character of a line continues it; quote the word otherwise");
    t->is_broken = true;
}

/* Bytes of the escape at `at` (a '\'), or 0 when there is no such escape. */
static size_t escape_bytes(const struct lexer *l, size_t at)
{
    int c = byte_at(l, at + 1);
    if (c == '"' || c == '\\' || c == 'n' || c == 't' || c == '{')
        return 2;
    if (c != 'u' || byte_at(l, at + 2) != '{')
        return 0;
    size_t digits = at + 3, count = slice_find_byte(slice_after(l->source->text, digits), '}');
    uint32_t character;
    slice text = slice_first(slice_after(l->source->text, digits), count);
    if (byte_at(l, digits + count) != '}' || utf8_parse_hex(text, &character) != 0)
        return 0;
    return 3 + count + 1;
}

static void lex_string(struct lexer *l, struct token *t)
{
    t->kind = TOKEN_STRING;
    l->at++;
    for (;;) {
        int c = byte_at(l, l->at);
        if (c < 0 || newline_bytes(l, l->at)) {
            struct span where = span_inside(t, t->span.offset, t->span.offset + 1);
            struct diagnostic *item = diagnostics_add(l->diagnostics, E0106, &where,
                                                      "this string has no end on its line");
            diagnostic_label(l->diagnostics, item, "begins here");
            diagnostic_help(l->diagnostics, item, "close it with '\"'; a line break is \\n");
            t->is_broken = true;
            return;
        }
        if (c == '"') {
            l->at++;
            return;
        }
        if (c == '$' && byte_at(l, l->at + 1) == '{')
            t->has_reference = true;
        if (c != '\\') {
            l->at += take_character(l, t, l->at);
            continue;
        }
        t->has_escape = true;
        size_t bytes = escape_bytes(l, l->at);
        if (!bytes && !t->is_broken) {
            struct span where = span_inside(t, l->at, l->at + 2);
            struct diagnostic *item =
                diagnostics_add(l->diagnostics, E0107, &where, "unknown escape in a string");
            diagnostic_label(l->diagnostics, item, "not an escape");
            diagnostic_help(l->diagnostics, item,
                            "known are \\\" \\\\ \\n \\t \\{ \\u{1F512}; between `backticks` "
                            "nothing is escaped");
            t->is_broken = true;
        }
        l->at += bytes ? bytes : 1;
    }
}

static void lex_raw(struct lexer *l, struct token *t)
{
    t->kind = TOKEN_RAW;
    l->at++;
    uint32_t lines = 0;
    size_t line_start = 0;
    for (int c; (c = byte_at(l, l->at)) != '`';) {
        if (c < 0) {
            struct span where = span_inside(t, t->span.offset, t->span.offset + 1);
            struct diagnostic *item =
                diagnostics_add(l->diagnostics, E0106, &where, "this raw text has no end");
            diagnostic_label(l->diagnostics, item, "begins here");
            diagnostic_help(l->diagnostics, item, "close it with '`'");
            t->is_broken = true;
            return;
        }
        l->at += take_character(l, t, l->at);
        if (c == '\n') {
            lines++;
            line_start = l->at;
        }
    }
    l->at++;
    if (lines) {
        l->line += lines;
        l->counted_at = line_start;
        l->counted_columns = 0;
    }
}

/* '{' with a letter behind it, where a block could begin: "{to" of "site a {to b}". */
static bool is_glued_open(const struct lexer *l)
{
    return is_letter(byte_at(l, l->at + 1)) && !variable_end(l, l->at);
}

static void lex_open(struct lexer *l, struct token *t)
{
    t->kind = TOKEN_OPEN;
    l->at++;
    int c = byte_at(l, l->at);
    bool is_spaced = c < 0 || c == ' ' || c == '\t' || c == '}' || c == '#' ||
                     newline_bytes(l, l->at) || (c == '\\' && newline_bytes(l, l->at + 1));
    if (is_spaced && t->after_space)
        return;
    struct span where = span_inside(t, t->span.offset, t->span.offset + 1);
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0103, &where, "'{' needs white space on both sides");
    diagnostic_label(l->diagnostics, item, "put a space %s it",
                     t->after_space ? "behind" : "before");
    t->is_layout_error = true;
}

static void lex_comment(struct lexer *l, struct token *t)
{
    t->kind = TOKEN_COMMENT;
    while (byte_at(l, l->at) >= 0 && !newline_bytes(l, l->at))
        l->at += take_character(l, t, l->at);
}

void lexer_next(struct lexer *l, struct token *ret)
{
    *ret = (struct token){ 0 };
    skip_space(l, ret);
    ret->first_on_line = l->line_is_empty;
    ret->span = span_from(l, l->at);
    size_t from = l->at;
    int c = byte_at(l, l->at);
    size_t ending = newline_bytes(l, l->at);
    if (c < 0) {
        ret->kind = TOKEN_END;
        return;
    }
    if (ending) {
        ret->kind = TOKEN_NEWLINE;
        start_line(l, l->at + ending);
        return;
    }
    l->line_is_empty = false;
    if (c == '#') {
        lex_comment(l, ret);
    } else if (c == ';' || c == '}') {
        ret->kind = c == ';' ? TOKEN_SEMICOLON : TOKEN_CLOSE;
        l->at++;
    } else if (c == '{' && (!is_letter(byte_at(l, l->at + 1)) || is_glued_open(l))) {
        lex_open(l, ret);
    } else if (c == '"') {
        lex_string(l, ret);
    } else if (c == '`') {
        lex_raw(l, ret);
    } else {
        lex_word(l, ret);
    }
    ret->span.length = (uint32_t)(l->at - from);
}
