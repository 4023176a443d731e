/* All directive tables in one readable array, the words of the language that have no feature yet,
 * and the words of other programs. */
#pragma once

#include "config/schema.h"

extern const struct directive_table *const vocabulary_tables[]; /* NULL-terminated */
extern const char *const vocabulary_later[];                    /* NULL-terminated */
extern const struct habit vocabulary_habits[];                  /* ends with a NULL word */

/* The schema over all of it. 0 · -ENOMEM */
MUST_CHECK int vocabulary_open(struct schema *s, struct arena *a);
