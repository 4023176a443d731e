#include "config/format.h"

#include "config/utf8.h"

struct formatter {
    struct writer *w;
    uint32_t depth; /* of the block that is being written */
    bool is_first;  /* in its block */
};

static void indent(struct formatter *f, uint32_t extra)
{
    for (uint32_t i = 0; i < f->depth * FORMAT_INDENT + extra; i++)
        writer_byte(f->w, ' ');
}

static void write_comment(struct formatter *f, const struct comment *c)
{
    writer_slice_add(f->w, span_text(&c->span));
    writer_byte(f->w, '\n');
}

static void write_comments(struct formatter *f, const struct comment_list *list)
{
    for (const struct comment *c = list->first; c; c = c->next) {
        if (c->blank_before && !f->is_first)
            writer_byte(f->w, '\n');
        f->is_first = false;
        indent(f, 0);
        write_comment(f, c);
    }
}

static void write_head(struct formatter *f, const struct statement *s)
{
    writer_slice_add(f->w, span_text(&s->name.span));
    for (uint32_t i = 0; i < s->argument_count; i++) {
        const struct word *word = &s->arguments[i];
        if (word->continued) {
            writer_literal(f->w, " \\\n");
            indent(f, 2 * FORMAT_INDENT);
        } else {
            writer_byte(f->w, ' ');
        }
        writer_slice_add(f->w, span_text(&word->span));
    }
}

/* A block that may stay on one line: it was on one, and no comment is inside. */
static bool is_one_line(const struct statement *s)
{
    return s->has_block && s->close.source && s->open.line == s->close.line && !s->after_open &&
           !s->before_close.first;
}

/* "{ a; b { c } }": the whole block on the current line, walked without recursion. */
static void write_inline_block(struct formatter *f, const struct statement *block)
{
    const struct statement *s = block->first;
    writer_literal(f->w, " {");
    while (s) {
        writer_byte(f->w, ' ');
        write_head(f, s);
        if (s->has_block) {
            writer_literal(f->w, " {");
            if (s->first) {
                s = s->first;
                continue;
            }
            writer_literal(f->w, " }");
        }
        while (!s->next && s->parent != block) {
            writer_literal(f->w, " }");
            s = s->parent;
        }
        if (s->next)
            writer_byte(f->w, ';');
        s = s->next;
    }
    writer_literal(f->w, " }");
}

static uint32_t columns_since(const struct writer *w, size_t from)
{
    slice text = slice_after(writer_slice(w), from);
    for (size_t i = text.len; i > 0; i--)
        if (text.ptr[i - 1] == '\n')
            return text_columns(slice_after(text, i));
    return text_columns(text);
}

/* Writes the statement's head and, when it stays on one line, its block. False: the block opens
 * here and its statements follow on lines of their own. */
static bool write_line(struct formatter *f, const struct statement *s)
{
    size_t start = f->w->len;
    indent(f, 0);
    write_head(f, s);
    if (!s->has_block)
        return true;
    size_t head_end = f->w->len;
    if (is_one_line(s)) {
        write_inline_block(f, s);
        if (columns_since(f->w, start) <= FORMAT_COLUMNS)
            return true;
        f->w->len = head_end;
    }
    writer_literal(f->w, " {");
    return false;
}

static void end_line(struct formatter *f, const struct comment *after)
{
    if (!after) {
        writer_byte(f->w, '\n');
        return;
    }
    writer_literal(f->w, "  ");
    write_comment(f, after);
}

static void close_block(struct formatter *f, const struct statement *s)
{
    write_comments(f, &s->before_close);
    f->depth--;
    indent(f, 0);
    writer_byte(f->w, '}');
    end_line(f, s->after);
    f->is_first = false;
}

void tree_format(struct writer *w, const struct tree *t)
{
    struct formatter f = { .w = w, .is_first = true };
    const struct statement *s = t->root.first;
    while (s) {
        bool has_comment = s->before.first != NULL;
        write_comments(&f, &s->before);
        if (s->blank_before && (!f.is_first || has_comment))
            writer_byte(w, '\n');
        f.is_first = false;
        if (write_line(&f, s)) {
            end_line(&f, s->after);
        } else {
            end_line(&f, s->after_open);
            f.depth++;
            f.is_first = true;
            if (s->first) {
                s = s->first;
                continue;
            }
            close_block(&f, s);
        }
        while (!s->next && s->parent && s->parent->parent) {
            s = s->parent;
            close_block(&f, s);
        }
        s = s->next;
    }
    write_comments(&f, &t->root.before_close);
}

/* --- One word --------------------------------------------------------------------------------- */

static bool is_text(slice text)
{
    while (text.len) {
        size_t length = utf8_length(text);
        if (length == 0 || (unsigned char)text.ptr[0] < ' ' || text.ptr[0] == 0x7f)
            return false;
        text = slice_after(text, length);
    }
    return true;
}

static bool has_any(slice text, const char *bytes)
{
    for (; *bytes; bytes++)
        if (slice_find_byte(text, *bytes) < text.len)
            return true;
    return false;
}

bool format_word(struct writer *w, slice text)
{
    bool has_marks = has_any(text, "{}$\\\""); /* of variables, references and escapes */
    if (!is_text(text) || (has_marks && has_any(text, "`")))
        return false;
    bool is_plain = text.len && text.ptr[0] != '#' && !has_marks && !has_any(text, " `;");
    for (size_t i = 0; i < text.len; i++)
        is_plain = is_plain && (unsigned char)text.ptr[i] < 0x7f;
    const char *quote = is_plain ? "" : has_marks ? "`" : "\"";
    writer_text(w, quote);
    writer_slice_add(w, text);
    writer_text(w, quote);
    return true;
}
