/* HTTP dates (RFC 9110 §5.6.7). */
#pragma once

#include "base/writer.h"

#define HTTP_DATE_LENGTH 29u

/* IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT". seconds since 1970, years 1970 to 9999. */
void http_date_write(struct writer *w, int64_t seconds);

/* Any of the three formats that a recipient must accept. 0 · -EINVAL. `now` decides the century of
 * two-digit years. */
MUST_CHECK int http_date_parse(slice text, int64_t now, int64_t *ret_seconds);
