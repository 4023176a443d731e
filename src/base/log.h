/* The program log: what the program itself has to say, with a level, to stderr (and so to the
 * journal or the container's log). It is not the request log. Lines go out whole, one write each.
 *
 * Under systemd (JOURNAL_STREAM set) lines carry the "<N>" priority prefix instead of a time. */
#pragma once

#include "base/attributes.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* role: "supervisor", "worker 0", ...; kept by pointer. */
void log_open(const char *role, enum log_level most_verbose);
void log_set_role(const char *role);
enum log_level log_verbosity(void);

void log_line(enum log_level level, const char *format, ...) PRINTF(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_verbosity() >= LOG_LEVEL_DEBUG)                                                    \
            log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                                                \
    } while (0)
