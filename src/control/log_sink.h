/* A log file (or pipe, or terminal) as the logger writes it: a buffer and a descriptor. What cannot
 * be written waits in the buffer; when that is full, further lines are lost and counted in the
 * shared table of sinks. A line once begun is completed before anything else. Nothing here waits.
 */
#pragma once

#include "base/attributes.h"
#include "shared/sinks.h"

#define SINK_BUFFER_BYTES (256u << 10)

struct log_sink {
    int fd; /* -1: not open */
    bool is_regular, is_socket;
    bool mid_line;        /* a part of the line at `start` has been written */
    bool is_stuck;        /* not tried again in this pass */
    int problem;          /* errno of the last try, EAGAIN for a stuck reader; 0: none */
    bool told;            /* the program log knows of the problem */
    uint64_t lost_before; /* the count of losses when it began */
    char *buffer;         /* made by the first line */
    size_t start, end;
};

void log_sink_open(struct log_sink *s);
void log_sink_close(struct log_sink *s,
                    struct sink_entry *e); /* what is left is lost, and counted */

/* Takes the descriptor, in place of the one before it (a file that was opened again). */
void log_sink_take(struct log_sink *s, struct sink_entry *e, int fd);

/* Adds a line with its newline. */
void log_sink_append(struct log_sink *s, struct sink_entry *e, slice line);

/* Writes what can be written now. */
void log_sink_flush(struct log_sink *s, struct sink_entry *e);

static inline bool log_sink_waits(const struct log_sink *s)
{
    return s->end > s->start;
}

/* Says in the program log when writing has begun to fail, and when it works again. True: it did. */
bool log_sink_report(struct log_sink *s, const struct sink_entry *e);
