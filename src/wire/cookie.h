/* The Cookie field of a request (RFC 6265 §4.2.1), read as servers read it: pairs split at ';', the
 * name up to the first '='. */
#pragma once

#include "base/slice.h"

struct cookie_pair {
    slice name, value; /* trimmed; a value keeps its quotes */
};

/* The next pair; *rest starts as the field's value. False at the end. A piece without '=' is a name
 * with an empty value; empty pieces are passed over. */
bool cookie_next(slice *rest, struct cookie_pair *ret);

/* The first cookie of that name (names are case-sensitive). */
bool cookie_find(slice cookies, slice name, slice *ret_value);
