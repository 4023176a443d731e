#include "waf/bodies/cookies.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool cookies_next(slice *rest, slice *ret_name, slice *ret_value)
{
    while (rest->len) {
        size_t end = slice_find_byte(*rest, ';');
        slice piece = slice_first(*rest, end);
        *rest = slice_after(*rest, end + 1);
        while (piece.len && is_space(piece.ptr[0]))
            piece = slice_after(piece, 1);
        size_t equals = slice_find_byte(piece, '=');
        if (equals == 0)
            continue; /* nothing at all, or no name */
        *ret_name = slice_first(piece, equals);
        *ret_value = slice_after(piece, equals + 1);
        return true;
    }
    return false;
}
