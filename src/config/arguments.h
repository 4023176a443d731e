/* The arguments of one statement, read by its row: which word is which argument, its kind, its
 * range, and what was meant instead. */
#pragma once

#include "config/directive.h"
#include "config/habit.h"
#include "config/reader.h"

struct arguments_context {
    const struct habit *habits; /* of its arguments */
    const struct reader *reader;
    struct arena *arena;
    struct diagnostics *diagnostics;
};

/* Sets s->values. 0 · -EINVAL reported · -ENOMEM */
MUST_CHECK int arguments_read(const struct arguments_context *c, struct statement *s);
