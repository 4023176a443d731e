/* strmatch: contains, without macros in the argument. */
#include "waf/operators/find.h"
#include "waf/operators/table.h"

const struct operator operator_strmatch = {
    .name = "strmatch",
    .takes_argument = true,
    .evaluate = find_argument,
    .is_search = true,
    .meaning = "The argument stands somewhere in the value; without macros.",
    .example = "SecRule REQUEST_HEADERS:User-Agent \"@strmatch WebZIP\" \"id:1,phase:1,deny\"",
};
