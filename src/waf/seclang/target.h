/* Targets: what a rule looks at. */
#pragma once

#include "waf/seclang/loader.h"

struct refused_variable {
    const char *name, *why;
};

extern const struct refused_variable waf_refused_variables[];
extern const unsigned waf_refused_variable_count;

/* Adds the targets of a list parted by | (or ,). Goes on after a wrong one. 0 · -EINVAL · -ENOMEM
 */
MUST_CHECK int targets_parse(struct seclang *l, slice text, struct targets *targets);

/* The same place, by variable, selector and name; ! and & do not count. */
bool target_is_same(const struct target *a, const struct target *b);
