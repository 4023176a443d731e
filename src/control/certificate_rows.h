/* The certifier's report (certifier/report.h), read row by row: a certificate is a line. It is our
 * own writing; what is malformed is passed over. Pure. */
#pragma once

#include "base/writer.h"

/* The next certificate's line; false: there are no more. */
bool certificate_rows_next(slice *rest, slice *ret_row);

/* A member's value as it is written: a text without its quotes and with its escapes, a number, a
 * word. Empty: it is not there. */
slice certificate_row_get(slice row, const char *member);

/* What it is called where paths are not told: its first host name, or the last part of its file. As
 * it is written. */
slice certificate_row_label(slice row);

/* A text without its escapes; those of control characters stay, it is for terminals. */
void certificate_row_write_text(struct writer *w, slice value);
