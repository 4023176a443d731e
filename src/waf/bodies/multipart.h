/* multipart/form-data (RFC 7578, RFC 2046 §5.1), piece by piece: however the body is cut, the items
 * and the state are the same.
 *
 * Fields become BODY_ARG, files BODY_FILE and BODY_FILE_SIZE when their part ends; every line of a
 * part's head is a BODY_PART_HEADER before that, a folded one as one line. Contents of files are
 * counted and never kept, those of fields are kept as sent: no Content-Transfer-Encoding is undone.
 * What is in a file without a name is an argument as well: some origins read it so.
 * What deviates sets the flags as ModSecurity 2 does; what cannot be understood is BODY_ERROR and
 * ends the reading, with what was read of its part handed over.
 *
 * Where we differ from ModSecurity 2:
 * - other parameters may stand beside the boundary if the field is well-formed;
 * - a line that begins with `--` and has no likeness with the boundary is BODY_DASHED_LINE only
 *   (a comment of SQL, a diff), as ModSecurity 3 has it;
 * - an apostrophe in a name between double quotes is no BODY_INVALID_QUOTING (as of 2.9.8);
 * - `filename*`, which RFC 7578 §4.2 forbids and origins differ about, is no error: its part is a
 *   file by that name too, and when it has no `filename` an argument as well; BODY_INVALID_PART.
 *
 * The state lies in the reader's arena; nothing has to be closed. */
#pragma once

#include "waf/bodies/body.h"

enum {
    MULTIPART_LINE_MAX = 4096,    /* of one line of a part's head */
    MULTIPART_HEAD_MAX = 16384,   /* bytes of one part's head */
    MULTIPART_HEADERS_MAX = 32,   /* lines of one part's head */
    MULTIPART_BOUNDARY_MAX = 200, /* RFC 2046 §5.1.1 has 70 */
    MULTIPART_TYPE_MAX = 1024,    /* bytes of the Content-Type field */
};

struct multipart;

/* content_type   the whole field; it is read here and not kept
 * 0 (the state may already hold an error) · -ENOMEM */
MUST_CHECK int multipart_open(struct body_reader *r, slice content_type, struct multipart **ret);

MUST_CHECK int multipart_feed(struct multipart *m, slice piece);

/* There is no more: the last part is handed over, a missing last boundary noted. */
MUST_CHECK int multipart_end(struct multipart *m);
