/* What SecUnicodeMapFile says: for one code page, the byte that stands for a character beyond it
 * ("best fit": U+FF1C, a full-width less-than sign, is read as "<"). Applications that convert text
 * see the byte; so must the rules.
 *
 * The file: a line "20127 (US-ASCII)" begins a code page, lines of "xxxx:yy" pairs in hexadecimal
 * follow. Other lines begin a section without a number, "#" a comment. */
#pragma once

#include "base/arena.h"
#include "waf/problem.h"

enum { UNICODE_MAP_NONE = -1, UNICODE_MAP_CODES = 65536 };

struct unicode_map {
    int16_t bytes[UNICODE_MAP_CODES]; /* 0 … 255, UNICODE_MAP_NONE */
};

static inline int unicode_map_byte(const struct unicode_map *map, unsigned code)
{
    return map && code < UNICODE_MAP_CODES ? map->bytes[code] : UNICODE_MAP_NONE;
}

/* Reads the section of one code page.
 * returns 0 · -EINVAL a malformed pair or no such code page: ret_problem has line, column and text
 * · -ENOMEM */
MUST_CHECK int unicode_map_parse(slice text, unsigned code_page, struct arena *arena,
                                 const struct unicode_map **ret_map,
                                 struct waf_problem *ret_problem);
