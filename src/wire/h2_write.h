/* Messages as HTTP/2 sends them: lists of fields with names in lower case, pseudo-fields in front
 * (RFC 9113 §8). Pure. */
#pragma once

#include "wire/h1.h"

/* What the pseudo-fields of a request say (RFC 9113 §8.3.1, RFC 8441 §4). */
struct h2_request_line {
    slice method;
    slice scheme;
    slice authority; /* empty: left out */
    slice path;      /* with its query; "*" for OPTIONS */
    slice protocol;  /* empty: no extended CONNECT */
};

/* Writes the list of a request: pseudo-fields, then all fields that are not dropped and not the
 * connection's own; Host goes as :authority and is left out.
 *
 * names      memory for names in lower case: as many bytes as the names have is enough
 * list       empty, with capacity; slices point into `names`, the line and the fields
 * returns    0 · -EMSGSIZE the list or `names` is full */
MUST_CHECK int h2_write_request(struct fields *list, struct writer *names,
                                const struct h2_request_line *line, const struct fields *fs);

/* Appends the fields that are not dropped and may stand in an HTTP/2 message, values without white
 * space at their ends. For responses and trailers, and for requests behind their pseudo-fields.
 * 0 · -EMSGSIZE */
MUST_CHECK int h2_write_fields(struct fields *list, struct writer *names, const struct fields *fs);
