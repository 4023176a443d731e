#include "wire/query.h"

#include "wire/bytes.h"

bool query_next(slice *rest, struct query_pair *ret)
{
    while (rest->len) {
        size_t end = slice_find_byte(*rest, '&');
        slice piece = slice_first(*rest, end);
        *rest = slice_after(*rest, end + 1);
        if (piece.len == 0)
            continue;
        size_t equals = slice_find_byte(piece, '=');
        ret->name = slice_first(piece, equals);
        ret->value = slice_after(piece, equals + 1);
        ret->has_value = equals < piece.len;
        return true;
    }
    return false;
}

void query_decode(struct writer *w, slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%' && i + 2 < text.len && hex_value(text.ptr[i + 1]) >= 0 &&
            hex_value(text.ptr[i + 2]) >= 0) {
            writer_byte(w, (char)(hex_value(text.ptr[i + 1]) << 4 | hex_value(text.ptr[i + 2])));
            i += 2;
        } else {
            writer_byte(w, c == '+' ? ' ' : c);
        }
    }
}
