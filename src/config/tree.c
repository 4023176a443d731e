#include "config/tree.h"

#include <errno.h>

#include "base/panic.h"
#include "config/utf8.h"

struct parser {
    struct lexer lexer;
    struct token token;
    struct tree *tree;
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct statement *block; /* whose block is open; the root at first */
    struct statement *last;  /* ended on line last_line; NULL: none yet in this block */
    uint32_t last_line;
    struct comment_list pending;
    bool blank_pending;
    uint32_t newlines; /* in a row */
    struct word *words;
    uint32_t word_capacity;
    struct statement *suspect; /* whose '}' is probably missing */
    uint32_t suspect_close_line;
    uint32_t previous_line; /* of the last token that is not white space */
};

void statement_mark_broken(struct statement *s)
{
    s->is_broken = true;
    for (; s; s = s->parent)
        s->has_broken = true;
}

struct statement *statement_following(struct statement *s, bool skips_children)
{
    if (s->first && !skips_children)
        return s->first;
    while (s && !s->next)
        s = s->parent;
    return s ? s->next : NULL;
}

struct span statement_span(const struct statement *s)
{
    if (s->argument_count == 0)
        return s->name.span;
    return span_join(&s->name.span, &s->arguments[s->argument_count - 1].span);
}

int statement_where(const struct statement *s, struct arena *a, slice *ret)
{
    char text[512];
    struct writer w = writer_over(text, sizeof text);
    const struct span *at = &s->name.span;
    slice name = at->source->name;
    writer_slice_add(&w, name.len > 400 ? slice_after(name, name.len - 400) : name);
    writer_format(&w, ":%u:%u", at->line, at->column);
    *ret = arena_copy(a, writer_slice(&w));
    return ret->ptr ? 0 : -ENOMEM;
}

size_t string_decode(slice inside, char *to)
{
    size_t count = 0;
    for (size_t i = 0; i < inside.len; i++) {
        char c = inside.ptr[i];
        if (c != '\\' || i + 1 == inside.len) {
            to[count++] = c;
            continue;
        }
        c = inside.ptr[++i];
        if (c == 'n' || c == 't') {
            to[count++] = c == 'n' ? '\n' : '\t';
        } else if (c == '{') { /* stays escaped for the template that reads it */
            to[count++] = '\\';
            to[count++] = '{';
        } else if (c == 'u' && i + 1 < inside.len) {
            slice digits = slice_after(inside, i + 2);
            size_t length = slice_find_byte(digits, '}');
            uint32_t character;
            if (utf8_parse_hex(slice_first(digits, length), &character) == 0)
                count += utf8_encode(character, to + count);
            i += 2 + length;
        } else {
            to[count++] = c;
        }
    }
    return count;
}

static void advance(struct parser *p)
{
    if (p->token.kind != TOKEN_NEWLINE)
        p->previous_line = p->lexer.line;
    lexer_next(&p->lexer, &p->token);
    if (p->token.is_broken)
        p->tree->errors++;
    if (p->token.is_layout_error)
        p->tree->layout_errors++;
}

static int take_comment(struct parser *p)
{
    struct comment *c = arena_take(p->arena, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->span = p->token.span;
    while (c->span.length > 1) {
        char end = span_text(&c->span).ptr[c->span.length - 1];
        if (end != ' ' && end != '\t' && end != '\r')
            break;
        c->span.length--;
    }
    struct statement *block = p->block;
    if (p->last && p->last_line == c->span.line && !p->last->after) {
        p->last->after = c;
    } else if (!p->last && block->open.source && block->open.line == c->span.line) {
        block->after_open = c;
    } else {
        c->blank_before = p->blank_pending;
        p->blank_pending = false;
        if (p->pending.last)
            p->pending.last->next = c;
        else
            p->pending.first = c;
        p->pending.last = c;
    }
    advance(p);
    return 0;
}

static int make_word(struct parser *p, struct word *ret)
{
    const struct token *t = &p->token;
    *ret = (struct word){ .kind = t->kind,
                          .span = t->span,
                          .text = span_text(&t->span),
                          .has_reference = t->has_reference,
                          .has_escape = t->has_escape,
                          .continued = t->continued };
    if (t->kind == TOKEN_WORD || t->is_broken)
        return 0;
    ret->text = slice_of(ret->text.ptr + 1, ret->text.len - 2);
    if (!t->has_escape || t->has_reference)
        return 0;
    char *decoded = arena_take(p->arena, ret->text.len + 1);
    if (!decoded)
        return -ENOMEM;
    ret->text = slice_of(decoded, string_decode(ret->text, decoded));
    return 0;
}

static bool is_name(slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = ascii_lower(s.ptr[i]);
        bool is_letter = c >= 'a' && c <= 'z';
        bool is_other = (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!is_letter && (i == 0 || !is_other))
            return false;
    }
    return s.len > 0;
}

static int keep_word(struct parser *p, struct statement *s, const struct word *word)
{
    if (s->argument_count == p->word_capacity) {
        uint32_t capacity = p->word_capacity ? p->word_capacity * 2 : 16;
        struct word *words = arena_take_array(p->arena, capacity, sizeof *words);
        if (!words)
            return -ENOMEM;
        if (s->argument_count)
            memcpy(words, p->words, s->argument_count * sizeof *words);
        p->words = words;
        p->word_capacity = capacity;
    }
    p->words[s->argument_count++] = *word;
    return 0;
}

static bool is_word(enum token_kind kind)
{
    return kind == TOKEN_WORD || kind == TOKEN_STRING || kind == TOKEN_RAW;
}

static void report_touch(struct parser *p)
{
    struct diagnostic *item = diagnostics_add(p->diagnostics, E0109, &p->token.span,
                                              "white space is missing before this");
    diagnostic_label(p->diagnostics, item, "touches the word before it");
    p->tree->errors++;
}

static int take_arguments(struct parser *p, struct statement *s)
{
    bool is_broken = false;
    while (is_word(p->token.kind)) {
        struct word word;
        TRY(make_word(p, &word));
        if (!p->token.after_space && !is_broken && !p->token.is_broken)
            report_touch(p);
        is_broken = is_broken || p->token.is_broken || !p->token.after_space;
        if (s->argument_count == TREE_ARGUMENTS_MAX) {
            diagnostics_add(p->diagnostics, E0110, &word.span,
                            "a statement has at most %u arguments", TREE_ARGUMENTS_MAX);
            p->tree->errors++;
            is_broken = true;
            while (is_word(p->token.kind))
                advance(p);
            break;
        }
        TRY(keep_word(p, s, &word));
        advance(p);
    }
    if (is_broken)
        statement_mark_broken(s);
    if (s->argument_count == 0)
        return 0;
    s->arguments = arena_take_array(p->arena, s->argument_count, sizeof *s->arguments);
    if (!s->arguments)
        return -ENOMEM;
    memcpy(s->arguments, p->words, s->argument_count * sizeof *s->arguments);
    return 0;
}

static struct statement *append_statement(struct parser *p)
{
    struct statement *s = arena_take(p->arena, sizeof *s);
    if (!s)
        return NULL;
    s->parent = p->block;
    s->depth = p->block->depth + 1;
    if (p->block->last)
        p->block->last->next = s;
    else
        p->block->first = s;
    p->block->last = s;
    s->before = p->pending;
    s->blank_before = p->blank_pending;
    p->pending = (struct comment_list){ 0 };
    p->blank_pending = false;
    p->last = s;
    return s;
}

static void open_block(struct parser *p, struct statement *s)
{
    s->has_block = true;
    s->open = p->token.span;
    p->block = s;
    p->last = NULL;
    advance(p);
}

static int take_statement(struct parser *p)
{
    struct statement *s = append_statement(p);
    if (!s)
        return -ENOMEM;
    TRY(make_word(p, &s->name));
    bool is_broken = p->token.is_broken;
    if (!is_broken && (p->token.kind != TOKEN_WORD || !is_name(s->name.text))) {
        struct diagnostic *item = diagnostics_add(p->diagnostics, E0111, &s->name.span,
                                                  "a statement begins with a directive's name");
        diagnostic_label(p->diagnostics, item, "not a name");
        p->tree->errors++;
        is_broken = true;
    }
    if (is_broken)
        statement_mark_broken(s);
    advance(p);
    TRY(take_arguments(p, s));
    p->last_line = p->previous_line;
    if (p->token.kind == TOKEN_OPEN)
        open_block(p, s);
    return 0;
}

/* A '{' where a statement should begin: the habit of putting it on its own line. */
static int take_stray_open(struct parser *p)
{
    struct statement *owner = p->last && !p->last->has_block ? p->last : NULL;
    if (!owner || !p->token.is_layout_error) {
        struct diagnostic *item = diagnostics_add(p->diagnostics, E0104, &p->token.span,
                                                  "'{' must be on the same line as its directive");
        diagnostic_label(p->diagnostics, item, "block without a directive");
        if (owner) {
            diagnostic_help(p->diagnostics, item, "move it to the end of line %u: '%.*s ... {'",
                            p->last_line, SLICE_ARGUMENTS(owner->name.text));
            diagnostic_note(p->diagnostics, item, "'portcullis fmt' mends this for you");
        }
        *(owner ? &p->tree->layout_errors : &p->tree->errors) += 1;
    }
    if (!owner) {
        owner = append_statement(p);
        if (!owner)
            return -ENOMEM;
        owner->name = (struct word){ .kind = TOKEN_WORD, .span = p->token.span };
        statement_mark_broken(owner);
    }
    open_block(p, owner);
    return 0;
}

/* White space at the front of the line that the span stands in. */
static uint32_t indent_of(const struct span *s)
{
    slice line = span_line(s);
    uint32_t indent = 0;
    while (indent < line.len && (line.ptr[indent] == ' ' || line.ptr[indent] == '\t'))
        indent++;
    return indent;
}

static void take_close(struct parser *p)
{
    struct statement *s = p->block;
    if (!s->parent) {
        struct diagnostic *item =
            diagnostics_add(p->diagnostics, E0105, &p->token.span, "'}' without a block");
        diagnostic_label(p->diagnostics, item, "nothing is open here");
        p->tree->errors++;
        advance(p);
        return;
    }
    s->close = p->token.span;
    s->before_close = p->pending;
    p->pending = (struct comment_list){ 0 };
    p->blank_pending = false;
    if (p->token.first_on_line && !p->suspect && indent_of(&s->close) < indent_of(&s->open)) {
        p->suspect = s;
        p->suspect_close_line = s->close.line;
    }
    p->block = s->parent;
    p->last = s;
    p->last_line = s->close.line;
    advance(p);
}

/* The last line of what stands directly in the block. */
static uint32_t last_line_inside(const struct statement *s)
{
    const struct statement *last = s->last;
    if (!last)
        return s->open.line;
    return last->close.source ? last->close.line : statement_span(last).line;
}

static void report_unclosed(struct parser *p)
{
    struct statement *innermost = p->block, *outermost = innermost;
    while (outermost->parent->parent)
        outermost = outermost->parent;
    struct statement *guess = p->suspect ? p->suspect : innermost;
    struct diagnostic *item =
        diagnostics_add(p->diagnostics, E0102, &guess->open, "this block is never closed");
    diagnostic_label(p->diagnostics, item, "block of '%.*s' opened here",
                     SLICE_ARGUMENTS(guess->name.text));
    diagnostic_help(p->diagnostics, item, "add a '}' after line %u%s", last_line_inside(guess),
                    p->suspect ? " (judging by indentation)" : "");
    if (p->suspect)
        diagnostic_note(p->diagnostics, item,
                        "the '}' on line %u closes '%.*s', so that '%.*s' of line %u stays open",
                        p->suspect_close_line, SLICE_ARGUMENTS(guess->name.text),
                        SLICE_ARGUMENTS(outermost->name.text), outermost->open.line);
    p->tree->errors++;
    guess->is_unsure = true;
    for (struct statement *s = p->block; s->parent; s = s->parent)
        s->has_broken = true;
}

static int take(struct parser *p)
{
    switch (p->token.kind) {
    case TOKEN_WORD:
    case TOKEN_STRING:
    case TOKEN_RAW:
        return take_statement(p);
    case TOKEN_OPEN:
        return take_stray_open(p);
    case TOKEN_CLOSE:
        take_close(p);
        return 0;
    case TOKEN_COMMENT:
        return take_comment(p);
    case TOKEN_SEMICOLON:
    case TOKEN_NEWLINE:
        if (p->token.kind == TOKEN_NEWLINE && p->newlines++ > 0)
            p->blank_pending = true;
        advance(p);
        return 0;
    case TOKEN_END:
        return 0;
    }
    UNREACHABLE();
}

int tree_parse(struct tree *t, const struct source *source, struct arena *a, struct diagnostics *d)
{
    *t = (struct tree){ .source = source };
    struct parser p = { .tree = t, .arena = a, .diagnostics = d, .block = &t->root };
    lexer_open(&p.lexer, source, d);
    advance(&p);
    while (p.token.kind != TOKEN_END) {
        if (p.token.kind != TOKEN_NEWLINE)
            p.newlines = 0;
        TRY(take(&p));
        if (p.block->depth > TREE_DEPTH_MAX) {
            diagnostics_add(d, E0110, &p.block->open, "blocks nest at most %u deep",
                            TREE_DEPTH_MAX);
            t->errors++;
            t->root.has_broken = true;
            return 0;
        }
    }
    if (p.block->parent && p.block->name.text.len) /* else the stray '{' was the error */
        report_unclosed(&p);
    t->root.before_close = p.pending;
    if (t->errors)
        t->root.has_broken = true;
    return 0;
}
