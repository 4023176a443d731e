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

/* A text as a word of the language that is read back as it is: quoted when it has to be. False, and
 * nothing is written: the language has no word for it (control characters, bytes that are not
 * UTF-8, a grave accent beside what must not be read as a variable). */
bool format_word(struct writer *w, slice text);
#define FORMAT_GROWTH 40u
