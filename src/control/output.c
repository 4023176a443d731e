#include "control/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool output_is_coloured(int fd)
{
    const char *refused = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    bool is_dumb = terminal && strcmp(terminal, "dumb") == 0;
    return !(refused && refused[0]) && !is_dumb && isatty(fd);
}

void output_write(int fd, slice text)
{
    while (text.len) {
        ssize_t written = write(fd, text.ptr, text.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        text = slice_after(text, (size_t)written);
    }
}

void output_format(int fd, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0)
        output_write(
            fd, slice_of(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1));
}
