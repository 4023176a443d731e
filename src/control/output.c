#include "control/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/writer.h"

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

void output_shown(int fd, slice text, size_t bytes_max)
{
    for (size_t i = 0; i < text.len && i < bytes_max; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= ' ' && c != 0x7f)
            output_write(fd, slice_of(text.ptr + i, 1));
        else
            output_format(fd, "\\x%02x", c);
    }
    if (text.len > bytes_max)
        output_write(fd, SLICE("..."));
}

void output_json(int fd, slice text)
{
    char escaped[6 * 512]; /* a byte becomes at most six */
    while (text.len) {
        size_t count = text.len < 512 ? text.len : 512;
        while (count < text.len && count > 500 && ((unsigned char)text.ptr[count] & 0xc0) == 0x80)
            count--; /* not in the middle of a character */
        struct writer w = writer_over(escaped, sizeof escaped);
        writer_json(&w, slice_first(text, count));
        output_write(fd, writer_slice(&w));
        text = slice_after(text, count);
    }
}

void output_json_member(int fd, const char *name, slice text)
{
    output_format(fd, "\"%s\":\"", name);
    output_json(fd, text);
    output_write(fd, SLICE("\""));
}
