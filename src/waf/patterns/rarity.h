/* How probable bytes are in the values that a web application is sent: a rough table, enough to
 * choose between ways to tell that a pattern cannot match. */
#pragma once

#include "waf/byte_set.h"

/* That one byte of a value is this one (ASCII case folded together). */
double rarity_of_byte(unsigned char byte);

/* That a string begins at one of the places of a value of ordinary length. */
double rarity_of_string(slice string);

/* That such a value has a byte of the set. */
double rarity_of_set(const struct byte_set *set);
