/* What requests and responses have in common in HTTP/1: lines, fields, framing. Only h1_*.c and
 * h2_*.c include this. */
#pragma once

#include "wire/h1.h"

/* Notes why, and returns -EPROTO. status 0 stays 502 for responses. */
int h1_fail(struct h1_error *e, uint16_t status, const char *reason, const char *text, size_t at);

/* The first line, without its CRLF; *ret_used counts the CRLF. */
MUST_CHECK int h1_first_line(slice head, slice *ret_line, size_t *ret_used, struct h1_error *e);

/* All field lines behind the first line, up to the blank one. RFC 9112 §5. */
MUST_CHECK int h1_fields_parse(slice head, size_t at, const struct h1_limits *limits,
                               struct fields *fs, struct h1_error *e);

/* "HTTP/1.0" or "HTTP/1.1"; minor version, or -EPROTO with 400 or 505 noted. */
MUST_CHECK int h1_version_parse(slice text, size_t at, struct h1_error *e);

/* The one value of Content-Length: identical repeats are one (RFC 9112 §6.3).
 * 1 there is one · 0 none · -EPROTO */
MUST_CHECK int h1_content_length(const struct fields *fs, uint64_t *ret, struct h1_error *e);

/* What Transfer-Encoding and Content-Length say of the body, the strict way (RFC 9112 §6.3):
 * nothing that two parsers could understand differently. H1_FRAMING_NONE · H1_FRAMING_CHUNKED ·
 * H1_FRAMING_LENGTH · -EPROTO, 501 for a coding that is not "chunked" */
MUST_CHECK int h1_framing_of(const struct fields *fs, unsigned minor_version, uint64_t *ret_length,
                             struct h1_error *e);

/* Marks what belongs to this connection alone as dropped: the fields that Connection names and the
 * ones that RFC 9110 §7.6.1 lists. A Connection that names an end-to-end security field, or more
 * than 32 fields, is refused. */
MUST_CHECK int h1_drop_hop_by_hop(struct fields *fs, struct h1_error *e);

/* What is left to judge when a request's fields and framing are known, in any version: Expect.
 * Names that alias others and fields that no origin may see are marked dropped. 0 · -EPROTO */
MUST_CHECK int h1_settle_fields(struct h1_request *r, struct h1_error *e);
