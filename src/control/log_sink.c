#include "control/log_sink.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define CHUNK_BYTES 4096u /* what a writable pipe takes for certain, and in one piece */

static uint64_t count_lines(const char *bytes, size_t count)
{
    uint64_t lines = 0;
    slice rest = slice_of(bytes, count);
    for (size_t at; (at = slice_find_byte(rest, '\n')) < rest.len; rest = slice_after(rest, at + 1))
        lines++;
    return lines;
}

void log_sink_open(struct log_sink *s)
{
    *s = (struct log_sink){ .fd = -1 };
}

void log_sink_close(struct log_sink *s, struct sink_entry *e)
{
    if (log_sink_waits(s))
        e->failures += count_lines(s->buffer + s->start, s->end - s->start);
    if (s->fd >= 0)
        close(s->fd);
    free(s->buffer);
    log_sink_open(s);
}

/* The rest of a line whose beginning went elsewhere is of no use to anybody. */
static void lose_line(struct log_sink *s, struct sink_entry *e)
{
    slice waiting = slice_of(s->buffer + s->start, s->end - s->start);
    size_t end = slice_find_byte(waiting, '\n');
    s->start += end < waiting.len ? end + 1 : end;
    s->mid_line = false;
    e->failures++;
}

void log_sink_take(struct log_sink *s, struct sink_entry *e, int fd)
{
    struct stat status = { 0 };
    s->is_stuck = false;
    if (s->fd >= 0) {
        log_sink_flush(s, e);
        if (s->mid_line)
            lose_line(s, e);
        close(s->fd);
    }
    (void)fstat(fd, &status);
    s->fd = fd;
    s->is_regular = S_ISREG(status.st_mode);
    s->is_socket = S_ISSOCK(status.st_mode);
    s->is_stuck = false;
}

/* To pipes and terminals only what they take without blocking: whole lines where they fit, so that
 * others who write there stand between lines. */
static size_t next_chunk(const struct log_sink *s)
{
    size_t left = s->end - s->start;
    if (s->is_regular || left <= CHUNK_BYTES)
        return left;
    size_t whole = CHUNK_BYTES;
    while (whole > 0 && s->buffer[s->start + whole - 1] != '\n')
        whole--;
    return whole > 0 ? whole : CHUNK_BYTES;
}

/* Bytes written · -EAGAIN a stuck reader · -errno */
static ssize_t write_some(const struct log_sink *s)
{
    const char *from = s->buffer + s->start;
    size_t count = next_chunk(s);
    struct pollfd writable = { .fd = s->fd, .events = POLLOUT };
    if (!s->is_regular &&
        (poll(&writable, 1, 0) <= 0 || !(writable.revents & (POLLOUT | POLLERR | POLLHUP))))
        return -EAGAIN;
    for (;;) {
        ssize_t written = s->is_socket ? send(s->fd, from, count, MSG_DONTWAIT | MSG_NOSIGNAL)
                                       : write(s->fd, from, count);
        if (written > 0)
            return written;
        if (written == 0)
            return -EAGAIN;
        if (errno != EINTR)
            return -errno;
    }
}

static void note_problem(struct log_sink *s, struct sink_entry *e, int problem)
{
    s->is_stuck = true;
    if (s->problem == 0)
        s->lost_before = e->failures;
    s->problem = problem;
    if (problem == EPIPE && s->mid_line)
        lose_line(s, e); /* whoever read its beginning is gone */
}

void log_sink_flush(struct log_sink *s, struct sink_entry *e)
{
    while (log_sink_waits(s) && s->fd >= 0 && !s->is_stuck) {
        ssize_t written = write_some(s);
        if (written < 0) {
            note_problem(s, e, (int)-written);
            break;
        }
        e->lines += count_lines(s->buffer + s->start, (size_t)written);
        e->bytes += (uint64_t)written;
        s->start += (size_t)written;
        s->mid_line = s->buffer[s->start - 1] != '\n';
    }
    if (!log_sink_waits(s)) {
        s->start = s->end = 0;
        if (s->fd >= 0 && !s->is_stuck)
            s->problem = 0;
    }
}

static bool has_room(struct log_sink *s, size_t bytes)
{
    if (s->buffer && s->start > 0 && s->end + bytes > SINK_BUFFER_BYTES) {
        memmove(s->buffer, s->buffer + s->start, s->end - s->start);
        s->end -= s->start;
        s->start = 0;
    }
    return s->buffer && s->end + bytes <= SINK_BUFFER_BYTES;
}

void log_sink_append(struct log_sink *s, struct sink_entry *e, slice line)
{
    e->taken++;
    if (!s->buffer)
        s->buffer = malloc(SINK_BUFFER_BYTES);
    if (s->buffer && s->end + line.len > SINK_BUFFER_BYTES)
        log_sink_flush(s, e);
    if (!has_room(s, line.len)) {
        e->failures++;
        return;
    }
    memcpy(s->buffer + s->end, line.ptr, line.len);
    s->end += line.len;
}

bool log_sink_report(struct log_sink *s, const struct sink_entry *e)
{
    int path = (int)strnlen(e->path, SINK_PATH_MAX);
    unsigned long long lost = e->failures - s->lost_before;
    if (s->problem && !s->told && (s->problem != EAGAIN || lost)) {
        log_warn("cannot write the log %.*s: %s; its lines wait, and are lost when they are too "
                 "many",
                 path, e->path,
                 s->problem == EAGAIN ? "its reader is stuck" : strerror(s->problem));
        s->told = true;
        return true;
    }
    if (!s->problem && s->told) {
        log_warn("the log %.*s is written again; %llu lines were lost", path, e->path, lost);
        s->told = false;
        return true;
    }
    return false;
}
