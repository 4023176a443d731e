/* What commands print: whole pieces to a descriptor, colours only for people. */
#pragma once

#include "base/slice.h"

/* A terminal, and NO_COLOR is not set (https://no-color.org). */
bool output_is_coloured(int fd);
/* All of it, in spite of signals; a closed pipe ends the output quietly. */
void output_write(int fd, slice text);
/* Text of clients for a terminal, at most `bytes_max` of it: nothing of it moves the cursor. */
void output_shown(int fd, slice text, size_t bytes_max);
/* The inside of a JSON string, of any length. */
void output_json(int fd, slice text);
/* "name":"text", as JSON. */
void output_json_member(int fd, const char *name, slice text);
/* At most 4096 bytes at a time. */
void output_format(int fd, const char *format, ...) PRINTF(2, 3);
