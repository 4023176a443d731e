/* beginsWith: the value begins with the argument, byte by byte; case counts. Everything begins with
 * an empty one. */
#include "waf/operators/table.h"

static int evaluate(UNUSED const void *prepared, slice argument, slice value,
                    struct operator_match *match, UNUSED struct work *work)
{
    return slice_starts_with(value, argument) ? operator_matched(match, 0, argument.len) : 0;
}

const struct operator operator_begins_with = {
    .name = "beginsWith",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = evaluate,
    .is_search = true,
    .meaning = "The value begins with the argument.",
    .example = "SecRule REQUEST_LINE \"!@beginsWith GET\" \"id:1,phase:1,deny\"",
};
