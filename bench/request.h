/* A request from a file: as it goes over the wire, head and body. Judged once, before it is sent
 * many times: what the measurement is of should be what the file says. */
#pragma once

#include "base/attributes.h"
#include "base/slice.h"

enum { REQUEST_FILE_MAX = 64 * 1024 * 1024 };

/* Reads a file whole, up to REQUEST_FILE_MAX bytes. The caller frees ret->ptr.
 * 0 · -EFBIG · -ENOMEM · -errno of open or read */
MUST_CHECK int request_read(const char *path, slice *ret);

/* Places of a request that differ each time it is sent: a number of the request in place of
 * REQUEST_MARK, one of the visitor, who sends REQUESTS_EACH, in place of VISITOR_MARK. */
#define REQUEST_MARK "eachtime"
#define VISITOR_MARK "eachuser"

enum { MARK_BYTES = 8, MARKS_MAX = 1024, REQUESTS_EACH = 20 };

struct request_marks {
    unsigned count;
    struct request_mark {
        size_t at;
        bool is_visitor;
    } items[MARKS_MAX];
};

/* 0 · -E2BIG too many. Pure. */
MUST_CHECK int request_marks_find(slice bytes, struct request_marks *ret);

/* Writes the numbers of the serial-th request, eight hexadecimal digits that do not follow each
 * other, where the marks are. */
void request_vary(char *bytes, const struct request_marks *marks, uint32_t serial);

/* NULL when these bytes are one request of HTTP/1.1 that keeps its connection: a request line,
 * fields that end in CR LF, a blank line, and a body of exactly Content-Length bytes, or none.
 * Otherwise what is wrong with them. Pure. */
const char *request_problem(slice bytes);
