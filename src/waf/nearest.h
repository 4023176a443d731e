/* "Did you mean": the known name that is nearest to a misspelt one. */
#pragma once

#include "base/slice.h"

enum { NEAREST_LENGTH_MAX = 48 }; /* of names that are compared */

struct nearest {
    slice wanted;
    unsigned distance; /* the least so far; at first the most that is taken */
    const char *name;  /* NULL: none is near */
};

/* Begins the search; names that differ in more than a third of their letters are not near. */
struct nearest nearest_to(slice wanted);

/* Takes `name` when it is nearer than what was tried before. Case does not count. */
void nearest_try(struct nearest *n, const char *name);
