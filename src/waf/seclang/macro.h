/* Text with %{VARIABLE}, %{COLLECTION.key} or %{COLLECTION:key} in it. */
#pragma once

#include "waf/seclang/loader.h"

/* A variable that is not known is an error, at its place; with is_lenient it is text (a regular
 * expression may say %{). 0 · -EINVAL · -ENOMEM */
MUST_CHECK int macro_parse(struct seclang *l, slice text, bool is_lenient, struct macro *ret_macro);

/* It has something to expand. */
bool macro_is_variable(const struct macro *macro);
