/* The whole vocabulary: all directive tables, what other programs call things, and the words of the
 * language whose feature this version does not have. schema_check() finds every statement's row and
 * reads its arguments; what they mean is the loader's matter. */
#pragma once

#include "config/directive.h"
#include "config/files.h"
#include "config/habit.h"

struct schema {
    const struct directive_table *const *tables; /* NULL-terminated */
    const char *const *later;                    /* NULL-terminated; not built yet */
    const struct habit *habits;                  /* ends with a NULL word */
    const struct directive **by_name;            /* all rows, sorted; filled by schema_open() */
    size_t count;
};

/* 0 · -ENOMEM */
MUST_CHECK int schema_open(struct schema *s, struct arena *a);
/* The row of this name that may stand in `scope` (one bit); NULL: none. */
const struct directive *schema_find(const struct schema *s, slice name, uint32_t scope);
/* All rows of this name: the first, and how many follow it in by_name. */
const struct directive *const *schema_find_all(const struct schema *s, slice name,
                                               size_t *ret_count);
/* "inside a 'site', a 'route'": the places a set of rows may stand in. */
void schema_write_places(struct writer *w, const struct directive *const *rows, size_t count);

/* Checks all files: sets `directive` and `values` of every statement that is in order, marks the
 * others broken and reports them. Values live in `a`. 0 · -ENOMEM */
MUST_CHECK int schema_check(const struct schema *s, struct files *files, struct arena *a);
