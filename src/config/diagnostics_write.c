/* How diagnostics look: text for people, JSON for machines. */
#include "config/diagnostics.h"

struct palette {
    const char *error, *warning, *place, *caret, *plain, *bold;
};
static const struct palette plain_palette = { "", "", "", "", "", "" };
static const struct palette colour_palette = { "\033[1;31m", "\033[1;33m", "\033[36m",
                                               "\033[1;31m", "\033[0m",    "\033[1m" };

static uint32_t decimal_width(uint32_t value)
{
    uint32_t width = 1;
    for (; value >= 10; value /= 10)
        width++;
    return width;
}

/* Byte range of the span in the shown line. */
static void find_span(const struct diagnostic *item, size_t *ret_from, size_t *ret_to)
{
    uint32_t first = item->column - item->cut_columns, column = 0;
    size_t from = item->line_text.len, to = item->line_text.len;
    for (size_t i = 0; i < item->line_text.len; i++) {
        if (((unsigned char)item->line_text.ptr[i] & 0xc0) == 0x80)
            continue;
        column++;
        if (column == first)
            from = i;
        if (column == first + item->columns) {
            to = i;
            break;
        }
    }
    *ret_from = from;
    *ret_to = to < from ? from : to;
}

static void write_line(struct writer *w, const struct diagnostic *item)
{
    if (!item->hides_text) {
        writer_slice_add(w, item->line_text);
        return;
    }
    size_t from, to;
    find_span(item, &from, &to);
    writer_slice_add(w, slice_first(item->line_text, from));
    writer_literal(w, "***");
    writer_slice_add(w, slice_after(item->line_text, to));
}

/* Spaces as wide as the text before the span: tabs stay tabs. */
static void write_caret(struct writer *w, const struct diagnostic *item)
{
    size_t from, to;
    find_span(item, &from, &to);
    for (size_t i = 0; i < from; i++) {
        unsigned char c = (unsigned char)item->line_text.ptr[i];
        if ((c & 0xc0) != 0x80)
            writer_byte(w, c == '\t' ? '\t' : ' ');
    }
    uint32_t width = text_columns(slice_of(item->line_text.ptr + from, to - from));
    if (item->hides_text)
        width = 3;
    for (uint32_t i = 0; i < (width ? width : 1); i++)
        writer_byte(w, '^');
}

static void write_place(struct writer *w, const struct diagnostic *item, const struct palette *p)
{
    uint32_t width = decimal_width(item->line);
    writer_format(w, "%s%*s--> %s%.*s:%u:%u\n", p->place, (int)width, "", p->plain,
                  SLICE_ARGUMENTS(item->file), item->line, item->column);
    writer_format(w, "%s%u |%s ", p->place, item->line, p->plain);
    write_line(w, item);
    writer_format(w, "\n%s%*s |%s ", p->place, (int)width, "", p->plain);
    writer_text(w, p->caret);
    write_caret(w, item);
    if (item->label.len) {
        writer_byte(w, ' ');
        writer_slice_add(w, item->label);
    }
    writer_text(w, p->plain);
    writer_byte(w, '\n');
}

void diagnostic_write_text(struct writer *w, const struct diagnostic *item,
                           const struct diagnostic_style *style)
{
    const struct palette *p = style->colours ? &colour_palette : &plain_palette;
    writer_text(w, item->is_warning ? p->warning : p->error);
    writer_format(w, "%s[%s]%s: %s", item->is_warning ? "warning" : "error",
                  code_describe(item->code)->name, p->plain, p->bold);
    writer_slice_add(w, item->message);
    writer_text(w, p->plain);
    writer_byte(w, '\n');
    uint32_t width = 1;
    if (item->file.len) {
        write_place(w, item, p);
        width = decimal_width(item->line);
    }
    if (item->help.len)
        writer_format(w, "%*s = help: %.*s\n", (int)width, "", SLICE_ARGUMENTS(item->help));
    if (item->note.len)
        writer_format(w, "%*s = note: %.*s\n", (int)width, "", SLICE_ARGUMENTS(item->note));
}

static void write_member(struct writer *w, const char *name, slice value)
{
    writer_format(w, ",\"%s\":\"", name);
    writer_json(w, value);
    writer_byte(w, '"');
}

void diagnostic_write_json(struct writer *w, const struct diagnostic *item)
{
    writer_format(w, "{\"severity\":\"%s\",\"code\":\"%s\"", item->is_warning ? "warning" : "error",
                  code_describe(item->code)->name);
    write_member(w, "message", item->message);
    if (item->file.len) {
        write_member(w, "file", item->file);
        writer_format(w, ",\"line\":%u,\"column\":%u,\"columns\":%u,\"source\":\"", item->line,
                      item->column, item->columns);
        char shown[512];
        struct writer line = writer_over(shown, sizeof shown);
        write_line(&line, item);
        writer_json(w, writer_slice(&line));
        writer_byte(w, '"');
    }
    if (item->label.len)
        write_member(w, "label", item->label);
    if (item->help.len)
        write_member(w, "help", item->help);
    if (item->note.len)
        write_member(w, "note", item->note);
    writer_byte(w, '}');
}
