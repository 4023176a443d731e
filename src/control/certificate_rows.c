#include "control/certificate_rows.h"

#include <stdio.h>

bool certificate_rows_next(slice *rest, slice *ret_row)
{
    while (rest->len) {
        size_t end = slice_find_byte(*rest, '\n');
        slice line = slice_first(*rest, end);
        *rest = slice_after(*rest, end + 1);
        if (slice_starts_with(line, SLICE("{"))) {
            *ret_row = line;
            return true;
        }
    }
    return false;
}

/* Up to the quote that ends the text. */
static slice text_of(slice rest)
{
    size_t at = 0;
    while (at < rest.len && rest.ptr[at] != '"')
        at += rest.ptr[at] == '\\' ? 2 : 1;
    return slice_first(rest, at);
}

slice certificate_row_get(slice row, const char *member)
{
    char key[64];
    /* A quote inside a text has a backslash before it: a name is only found where it is one. */
    int length = snprintf(key, sizeof key, ",\"%s\":", member);
    size_t at = slice_find(row, slice_of(key, (size_t)length));
    if (at == row.len) {
        key[0] = '{';
        at = slice_find(row, slice_of(key, (size_t)length));
    }
    slice rest = slice_after(row, at + (size_t)length);
    if (at == row.len || rest.len == 0)
        return (slice){ 0 };
    if (rest.ptr[0] == '"')
        return text_of(slice_after(rest, 1));
    at = 0;
    while (at < rest.len && rest.ptr[at] != ',' && rest.ptr[at] != '}')
        at++;
    return slice_first(rest, at);
}

slice certificate_row_label(slice row)
{
    slice names = certificate_row_get(row, "names");
    if (slice_starts_with(names, SLICE("[\"")))
        return text_of(slice_after(names, 2));
    slice name = certificate_row_get(row, "name");
    size_t at = name.len;
    while (at > 0 && name.ptr[at - 1] != '/')
        at--;
    return slice_after(name, at);
}

void certificate_row_write_text(struct writer *w, slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        bool is_escape = value.ptr[i] == '\\' && i + 1 < value.len &&
                         (value.ptr[i + 1] == '"' || value.ptr[i + 1] == '\\');
        i += is_escape;
        writer_byte(w, value.ptr[i]);
    }
}
