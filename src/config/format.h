/* The one layout of a configuration file. Comments and blank lines (one at most) stay, words are
 * written as they were; white space, line ends and indentation are decided here. A block that
 * stands on one line stays there while it fits. Formatting what was formatted changes nothing. */
#pragma once

#include "config/tree.h"

#define FORMAT_INDENT  2u
#define FORMAT_COLUMNS 100u

/* Writes the whole file. The tree has no errors but layout errors. The result needs at most
 * FORMAT_GROWTH times the bytes of the source, plus a page. */
void tree_format(struct writer *w, const struct tree *t);
#define FORMAT_GROWTH 40u
