/* Classes of bytes in HTTP messages, one table look-up each. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

enum {
    BYTE_TOKEN = 1,      /* tchar, RFC 9110 §5.6.2 */
    BYTE_VALUE = 2,      /* field-vchar, SP or HTAB, RFC 9110 §5.5 */
    BYTE_TARGET = 4,     /* what may stand in a request target: RFC 3986 and nothing that back ends
                            read in two ways */
    BYTE_UNRESERVED = 8, /* RFC 3986 §2.3 */
    BYTE_PATH = 16,      /* pchar without '%', and '/' */
    BYTE_DIGIT = 32,
    BYTE_HEX = 64,
};

extern const uint8_t byte_classes[256];

static inline bool byte_is(char c, unsigned classes)
{
    return (byte_classes[(unsigned char)c] & classes) != 0;
}

/* Do all bytes belong to one of the classes? */
bool bytes_are(slice s, unsigned classes);

/* The same as bytes_are(s, BYTE_VALUE), eight bytes at a time: every value is looked at twice, when
 * it comes and when it goes. */
bool bytes_are_value(slice s);

/* Value of a hexadecimal digit; -1 for others. */
int hex_value(char c);
