/* streq: the value is the argument, byte by byte; case counts. */
#include "waf/operators/table.h"

static int evaluate(UNUSED const void *prepared, slice argument, slice value,
                    struct operator_match *match, UNUSED struct work *work)
{
    return slice_equal(value, argument) ? operator_matched(match, 0, value.len) : 0;
}

const struct operator operator_streq = {
    .name = "streq",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = evaluate,
    .is_search = true,
    .meaning = "The value is the argument.",
    .example = "SecRule REQBODY_PROCESSOR \"@streq JSON\" \"id:1,phase:2,pass\"",
};
