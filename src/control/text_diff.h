/* The difference of two texts that differ in one place, as `diff -u` writes it: for people, and for
 * patch. */
#pragma once

#include "base/slice.h"

/* Nothing when they are equal. */
void text_diff_print(int fd, slice name, slice before, slice after);
