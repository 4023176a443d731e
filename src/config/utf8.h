/* UTF-8 (RFC 3629) as far as the configuration language needs it. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

/* Bytes of the valid sequence at the front of s, 1 for ASCII; 0: not valid, or s is empty. */
size_t utf8_length(slice s);
/* Writes the character at `to`, which has room for 4 bytes; the bytes written. The character is a
 * Unicode scalar value. */
size_t utf8_encode(uint32_t character, char *to);
/* One to six hexadecimal digits that name a scalar value other than 0. 0 · -EINVAL */
MUST_CHECK int utf8_parse_hex(slice digits, uint32_t *ret_character);
