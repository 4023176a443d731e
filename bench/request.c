#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"

/* The bytes up to the end of the file. -EIO: it became shorter */
static int read_all(int fd, char *to, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t got = read(fd, to + at, bytes - at);
        if (got == 0)
            return -EIO;
        if (got < 0 && errno != EINTR)
            return -errno;
        at += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static int read_open(int fd, slice *ret)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (status.st_size < 0 || status.st_size > REQUEST_FILE_MAX)
        return -EFBIG;
    size_t bytes = (size_t)status.st_size;
    char *memory = malloc(bytes + 1);
    if (!memory)
        return -ENOMEM;
    int result = read_all(fd, memory, bytes);
    if (result != 0)
        free(memory);
    else
        *ret = slice_of(memory, bytes);
    return result;
}

int request_read(const char *path, slice *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = read_open(fd, ret);
    close(fd);
    return result;
}

int request_marks_find(slice bytes, struct request_marks *ret)
{
    ret->count = 0;
    for (size_t at = 0; at + MARK_BYTES <= bytes.len; at++) {
        slice here = slice_first(slice_after(bytes, at), MARK_BYTES);
        bool is_visitor = slice_equal(here, SLICE(VISITOR_MARK));
        if (!is_visitor && !slice_equal(here, SLICE(REQUEST_MARK)))
            continue;
        if (ret->count == MARKS_MAX)
            return -E2BIG;
        ret->items[ret->count++] = (struct request_mark){ at, is_visitor };
    }
    return 0;
}

static void write_number(char *to, uint32_t number)
{
    for (unsigned i = 0; i < MARK_BYTES; i++)
        to[i] = "0123456789abcdef"[number >> 4 * (MARK_BYTES - 1 - i) & 0xf];
}

void request_vary(char *bytes, const struct request_marks *marks, uint32_t serial)
{
    const uint32_t odd = 2654435761u; /* near 2^32 divided by the golden ratio */
    for (unsigned i = 0; i < marks->count; i++) {
        const struct request_mark *m = &marks->items[i];
        write_number(bytes + m->at, (m->is_visitor ? ~(serial / REQUESTS_EACH) : serial) * odd);
    }
}

static bool is_request_line(slice line)
{
    size_t space = slice_find_byte(line, ' ');
    slice target = slice_after(line, space + 1);
    return space > 0 && slice_starts_with(target, SLICE("/")) &&
           slice_ends_with(target, SLICE(" HTTP/1.1"));
}

/* What is wrong with one field; its length is told when it says the body's. */
static const char *field_problem(slice line, int64_t *length)
{
    size_t colon = slice_find_byte(line, ':');
    if (colon == 0 || colon == line.len || slice_find_byte(line, '\n') != line.len)
        return "a line of the head is no field";
    slice name = slice_first(line, colon), value = slice_trim(slice_after(line, colon + 1));
    if (slice_equal_fold(name, SLICE("transfer-encoding")))
        return "its body must have a Content-Length";
    if (slice_equal_fold(name, SLICE("connection")) && slice_equal_fold(value, SLICE("close")))
        return "it must keep its connection";
    if (!slice_equal_fold(name, SLICE("content-length")))
        return NULL;
    uint64_t number;
    if (*length >= 0)
        return "it has two Content-Length";
    if (number_parse(value, REQUEST_FILE_MAX, &number) != 0)
        return "Content-Length is no number";
    *length = (int64_t)number;
    return NULL;
}

const char *request_problem(slice bytes)
{
    size_t end = slice_find(bytes, SLICE("\r\n\r\n"));
    if (end == bytes.len)
        return "its head has no end";
    slice rest = slice_first(bytes, end);
    size_t line = slice_find(rest, SLICE("\r\n"));
    if (!is_request_line(slice_first(rest, line)))
        return "its first line is not METHOD /TARGET HTTP/1.1";
    int64_t length = -1; /* not told: no body */
    for (rest = slice_after(rest, line + 2); rest.len > 0; rest = slice_after(rest, line + 2)) {
        line = slice_find(rest, SLICE("\r\n"));
        const char *problem = field_problem(slice_first(rest, line), &length);
        if (problem)
            return problem;
    }
    size_t told = length > 0 ? (size_t)length : 0;
    return bytes.len - end - 4 == told ? NULL : "its body is not as long as Content-Length says";
}
