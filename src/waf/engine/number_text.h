/* Numbers as rules write and compare them. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

/* As C's atoi reads: white space, a sign, digits, anything behind them ignored; 0 when there are
 * none. Stops growing at the ends of 32 bits, as ModSecurity's counters do on the machines it runs
 * on. */
int64_t number_of_text(slice text);

/* The text is exactly what number_write would write for a number: it can be kept as one. */
bool number_is_plain(slice text, int64_t *ret_value);

enum { NUMBER_TEXT_MAX = 24 };

/* Decimal; returns the bytes written. */
size_t number_write(int64_t value, char text[NUMBER_TEXT_MAX]);
