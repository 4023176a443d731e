#include "wire/cookie.h"

bool cookie_next(slice *rest, struct cookie_pair *ret)
{
    while (rest->len) {
        size_t end = slice_find_byte(*rest, ';');
        slice piece = slice_trim(slice_first(*rest, end));
        *rest = slice_after(*rest, end + 1);
        if (piece.len == 0)
            continue;
        size_t equals = slice_find_byte(piece, '=');
        ret->name = slice_trim(slice_first(piece, equals));
        ret->value = slice_trim(slice_after(piece, equals + 1));
        return true;
    }
    return false;
}

bool cookie_find(slice cookies, slice name, slice *ret_value)
{
    slice rest = cookies;
    struct cookie_pair pair;
    while (cookie_next(&rest, &pair)) {
        if (slice_equal(pair.name, name)) {
            *ret_value = pair.value;
            return true;
        }
    }
    return false;
}
