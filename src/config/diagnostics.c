#include "config/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"

#define MESSAGE_BYTES_MAX 1024u
#define LINE_BYTES_MAX    400u /* of a source line: a longer one is cut around its place */

void diagnostics_open(struct diagnostics *d)
{
    *d = (struct diagnostics){ 0 };
    arena_open(&d->arena, NULL, 0, 8192, 64u << 20);
}

void diagnostics_close(struct diagnostics *d)
{
    arena_close(&d->arena);
    *d = (struct diagnostics){ 0 };
}

static slice keep(struct diagnostics *d, slice s)
{
    slice copy = arena_copy(&d->arena, s);
    if (!copy.ptr) {
        d->out_of_memory = true;
        return SLICE("");
    }
    return copy;
}

/* Control characters of the user's text never reach the terminal. */
static void make_printable(char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = text[i] == '\t' ? '\t' : '?';
}

/* Bytes of a text that was cut, without the part of a character at its end. */
static size_t whole_characters(slice text)
{
    size_t at = text.len;
    while (at > 0 && ((unsigned char)text.ptr[at - 1] & 0xc0) == 0x80)
        at--;
    return at > 0 && (unsigned char)text.ptr[at - 1] >= 0xc0 ? at - 1 : text.len;
}

static slice keep_format(struct diagnostics *d, const char *format, va_list arguments)
{
    char text[MESSAGE_BYTES_MAX];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length < 0)
        return SLICE("");
    size_t bytes = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    if (bytes < (size_t)length)
        bytes = whole_characters(slice_of(text, bytes));
    make_printable(text, bytes);
    return keep(d, slice_of(text, bytes));
}

/* Cuts a long line to the part around its place; the column then counts from the cut. */
static void keep_line(struct diagnostics *d, struct diagnostic *item, const struct span *where)
{
    slice line = span_line(where);
    size_t before = (size_t)(where->source->text.ptr + where->offset - line.ptr);
    if (before > line.len)
        before = line.len;
    size_t cut = before > LINE_BYTES_MAX / 2 ? before - LINE_BYTES_MAX / 2 : 0;
    while (cut < before && ((unsigned char)line.ptr[cut] & 0xc0) == 0x80)
        cut++;
    char text[LINE_BYTES_MAX];
    slice shown = slice_first(slice_after(line, cut), sizeof text);
    if (cut + shown.len < line.len)
        shown.len = whole_characters(shown);
    memcpy(text, shown.ptr, shown.len);
    make_printable(text, shown.len);
    item->line_text = keep(d, slice_of(text, shown.len));
    item->cut_columns = text_columns(slice_first(line, cut));
}

static struct diagnostic *new_item(struct diagnostics *d)
{
    d->lost = (struct diagnostic){ 0 };
    if (d->count == DIAGNOSTICS_MAX)
        return &d->lost;
    if (!d->items)
        d->items = arena_take_array(&d->arena, DIAGNOSTICS_MAX, sizeof *d->items);
    if (!d->items) {
        d->out_of_memory = true;
        return &d->lost;
    }
    return &d->items[d->count++];
}

struct diagnostic *diagnostics_add(struct diagnostics *d, enum diagnostic_code code,
                                   const struct span *where, const char *format, ...)
{
    struct diagnostic *item = new_item(d);
    item->code = code;
    item->is_warning = code_is_warning(code);
    if (item->is_warning)
        d->warnings++;
    else
        d->errors++;
    if (item == &d->lost)
        return item;
    va_list arguments;
    va_start(arguments, format);
    item->message = keep_format(d, format, arguments);
    va_end(arguments);
    if (!where || !where->source)
        return item;
    item->file = keep(d, where->source->name);
    item->source_index = where->source->index;
    item->offset = where->offset;
    item->line = where->line;
    item->column = where->column;
    slice text = span_text(where);
    item->columns = text_columns(slice_first(text, slice_find_byte(text, '\n')));
    keep_line(d, item, where);
    return item;
}

#define DEFINE_PART(part)                                                                          \
    void diagnostic_##part(struct diagnostics *d, struct diagnostic *item, const char *format,     \
                           ...)                                                                    \
    {                                                                                              \
        if (item == &d->lost)                                                                      \
            return;                                                                                \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        item->part = keep_format(d, format, arguments);                                            \
        va_end(arguments);                                                                         \
    }
DEFINE_PART(label)
DEFINE_PART(help)
DEFINE_PART(note)

void diagnostic_hide(struct diagnostic *item)
{
    item->hides_text = true;
}

static int compare_places(const void *left, const void *right)
{
    const struct diagnostic *a = left, *b = right;
    if (a->source_index != b->source_index)
        return a->source_index < b->source_index ? -1 : 1;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

void diagnostics_sort(struct diagnostics *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        d->items[i].order = i;
    if (d->count > 1)
        qsort(d->items, d->count, sizeof *d->items, compare_places);
}
