/* The stable reason words of logs and metrics: what each one means and what to do about it. One row
 * is the whole truth about a word; `help` and the reference print it, and tools/lint holds the
 * table against the words that stand in the source. */
#pragma once

#include <stddef.h>

#include "base/slice.h"

struct reason_description {
    const char *name;    /* "limits.body" */
    const char *status;  /* what the client gets: "413", or "-" when nothing can be sent any more */
    const char *meaning; /* whole sentences */
    const char *advice;
};

extern const struct reason_description reason_descriptions[];
extern const size_t reason_description_count;

/* NULL: there is no such reason. */
const struct reason_description *reason_find(slice name);
