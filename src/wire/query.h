/* The query of a target as name=value pairs (WHATWG URL, application/x-www-form-urlencoded). */
#pragma once

#include "base/writer.h"

struct query_pair {
    slice name, value; /* raw, still escaped */
    bool has_value;    /* there was an '=' */
};

/* The next pair; *rest starts as the query without '?'. Empty pieces are passed over. */
bool query_next(slice *rest, struct query_pair *ret);

/* Writes the text with its escapes and '+' decoded; malformed escapes stay. */
void query_decode(struct writer *w, slice text);
