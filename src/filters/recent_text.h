/* Texts of a kept exchange: JSON strings from which the bytes can be had back, without secrets. A
 * byte that is no printable ASCII is written as the character of its number (\u00ff for 0xff). What
 * is masked becomes as many x: lengths stay true.
 *
 * Each writes at most bytes_max, on whole escapes, and says how many bytes of the text that were.
 */
#pragma once

#include "base/writer.h"
#include "wire/field.h"

/* What has been masked, as a JSON array's inside: "cookie session","arg password". */
struct recent_masks {
    struct writer names;
};

size_t recent_put(struct writer *w, slice text, size_t bytes_max);
/* All of it. */
void recent_write(struct writer *w, slice text);

/* A target or another text with parameters behind ?, & and ;, as in a form. */
size_t recent_put_parameters(struct writer *w, slice text, size_t bytes_max,
                             struct recent_masks *masks);
/* A field's value: of credentials, cookies and names that tell. */
size_t recent_put_field(struct writer *w, const struct field *f, size_t bytes_max,
                        struct recent_masks *masks);

struct recent_body {
    slice type;       /* its Content-Type */
    bool omits_files; /* of multipart: the heads of files stay, their contents do not */
};

/* A body: forms, multipart and JSON by their syntax; of another text, and where a name's value has
 * no certain end, everything behind the name, and with an attribute of markup its tag. */
size_t recent_put_body(struct writer *w, const struct recent_body *as, slice body, size_t bytes_max,
                       struct recent_masks *masks);
