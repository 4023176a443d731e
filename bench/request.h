/* A request from a file: as it goes over the wire, head and body. Judged once, before it is sent
 * many times: what the measurement is of should be what the file says. */
#pragma once

#include "base/attributes.h"
#include "base/slice.h"

enum { REQUEST_FILE_MAX = 64 * 1024 * 1024 };

/* Reads a file whole, up to REQUEST_FILE_MAX bytes. The caller frees ret->ptr.
 * 0 · -EFBIG · -ENOMEM · -errno of open or read */
MUST_CHECK int request_read(const char *path, slice *ret);

/* NULL when these bytes are one request of HTTP/1.1 that keeps its connection: a request line,
 * fields that end in CR LF, a blank line, and a body of exactly Content-Length bytes, or none.
 * Otherwise what is wrong with them. Pure. */
const char *request_problem(slice bytes);
