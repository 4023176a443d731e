/* Forms and queries: `a=b&c` (application/x-www-form-urlencoded), as ModSecurity 2 reads them.
 *
 * %XX and + are decoded, once; a % without two hex digits stays as it is and sets
 * BODY_URLENCODED_ERROR. A piece without '=' is a name with an empty value; an empty piece between
 * separators is an argument without name and value, one at the end is none. Order and duplicates
 * are kept. Names and values that need no decoding point into the text. */
#pragma once

#include "waf/bodies/body.h"

/* separator   SecArgumentSeparator, usually '&' */
MUST_CHECK int urlencoded_read(struct body_reader *r, slice text, char separator);
