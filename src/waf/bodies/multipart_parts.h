/* What multipart.c, the walk over lines, has made by others: the boundary out of Content-Type, and
 * name and file names out of Content-Disposition. */
#pragma once

#include "waf/bodies/multipart.h"

/* *ret_boundary points into content_type. 0 · BODY_STOPPED */
MUST_CHECK int multipart_boundary(struct body_reader *r, slice content_type, slice *ret_boundary);

struct disposition {
    slice name;
    slice filename, filename_star; /* of `filename` and, decoded, `filename*` */
    bool has_name, has_filename, has_filename_star;
};

/* value: of the field, as `form-data; name="a"; filename="b"`; `at` its place for messages. What is
 * returned points into the value or the arena. 0 · BODY_STOPPED · -ENOMEM */
MUST_CHECK int multipart_disposition(struct body_reader *r, slice value, size_t at,
                                     struct disposition *ret);
