/* lt: the value is less than the argument, both read as integers (number.h). */
#include "waf/operators/number.h"
#include "waf/operators/table.h"

static int evaluate(const void *prepared, slice argument, slice value,
                    UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return number_compare(prepared, argument, value) < 0;
}

const struct operator operator_lt = {
    .name = "lt",
    .takes_argument = true,
    .has_macros = true,
    .prepare = number_prepare,
    .evaluate = evaluate,
    .meaning = "The value is less than this number.",
    .example = "SecRule TX:LEVEL \"@lt 2\" \"id:1,phase:2,pass,skipAfter:END\"",
};
