/* White space is space, tab, line feed, vertical tab, form feed and carriage return; for
 * compressWhitespace and removeWhitespace also 0xA0, the no-break space of ISO 8859-1. */
#pragma once

#include "waf/transforms/run.h"

extern const struct byte_set whitespace_wide;

static inline bool whitespace_is_wide(int byte)
{
    return is_space(byte) || byte == NO_BREAK_SPACE;
}

/* What trim, trimLeft and trimRight share. */
extern const struct byte_set whitespace_trimmed;
enum whitespace_side { WHITESPACE_LEFT = 1, WHITESPACE_RIGHT = 2 };

bool whitespace_begins(slice value);
bool whitespace_ends(slice value);

/* A step; sides: of enum whitespace_side. */
void whitespace_trim(struct transform_run *run, size_t bytes_max, unsigned sides);
