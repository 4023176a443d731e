/* Bodies that ModSecurity does not look into: JSON line by line, and plain text. */
#pragma once

#include "waf/bodies/body.h"

/* One JSON text a line, empty lines apart (application/x-ndjson). Names are those of one array of
 * all lines: json.array_0.a, json.array_1.a, … A malformed line is BODY_ERROR, the lines behind it
 * are read all the same. */
MUST_CHECK int json_lines_read(struct body_reader *r, slice body);

/* text/plain: one argument `text`, the whole body. When it is JSON, as scripts send it to get
 * around a preflight request, the arguments of the JSON too. Never an error but for limits. */
MUST_CHECK int text_read(struct body_reader *r, slice body);
