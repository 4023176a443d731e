/* contains: the argument stands somewhere in the value; case counts. An empty one is in everything.
 */
#include "waf/operators/find.h"
#include "waf/operators/table.h"

const struct operator operator_contains = {
    .name = "contains",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = find_argument,
    .is_search = true,
    .meaning = "The argument stands somewhere in the value.",
    .example = "SecRule REQUEST_LINE \"@contains .php\" \"id:1,phase:1,deny\"",
};
