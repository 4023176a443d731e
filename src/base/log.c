#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MAX 2048

static const char *log_role = "portcullis";
static enum log_level log_most_verbose = LOG_LEVEL_INFO;
static bool log_to_journal;

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const int level_priorities[] = { 3, 4, 6, 7 }; /* sd-daemon(3), the syslog severities */

void log_open(const char *role, enum log_level most_verbose)
{
    log_role = role;
    log_most_verbose = most_verbose;
    log_to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_role(const char *role)
{
    log_role = role;
}

enum log_level log_verbosity(void)
{
    return log_most_verbose;
}

static int write_prefix(char *line, size_t room, enum log_level level)
{
    if (log_to_journal)
        return snprintf(line, room, "<%d>%s: ", level_priorities[level], log_role);
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    return snprintf(line, room,
                    "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s[%d]: ", utc.tm_year + 1900,
                    utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                    now.tv_nsec / 1000000, level_names[level], log_role, (int)getpid());
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level > log_most_verbose)
        return;
    char line[LINE_BYTES_MAX];
    int prefix = write_prefix(line, sizeof line, level);
    if (prefix < 0 || (size_t)prefix >= sizeof line)
        return;
    size_t length = (size_t)prefix;
    va_list arguments;
    va_start(arguments, format);
    int text = vsnprintf(line + length, sizeof line - length, format, arguments);
    va_end(arguments);
    if (text < 0)
        return;
    length += (size_t)text;
    if (length > sizeof line - 1)
        length = sizeof line - 1;
    for (size_t i = (size_t)prefix; i < length; i++) /* one event stays one line */
        if ((unsigned char)line[i] < 0x20 && line[i] != '\t')
            line[i] = ' ';
    line[length++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
}
