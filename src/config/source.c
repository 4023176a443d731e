#include "config/source.h"

slice span_line(const struct span *s)
{
    if (!s->source)
        return slice_of("", 0);
    slice text = s->source->text;
    size_t from = s->offset < text.len ? s->offset : text.len;
    while (from > 0 && text.ptr[from - 1] != '\n')
        from--;
    slice line = slice_after(text, from);
    line = slice_first(line, slice_find_byte(line, '\n'));
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

uint32_t text_columns(slice text)
{
    uint32_t columns = 0;
    for (size_t i = 0; i < text.len; i++)
        if (((unsigned char)text.ptr[i] & 0xc0) != 0x80)
            columns++;
    return columns;
}
