/* gt: the value is greater than the argument, both read as integers (number.h). */
#include "waf/operators/number.h"
#include "waf/operators/table.h"

static int evaluate(const void *prepared, slice argument, slice value,
                    UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return number_compare(prepared, argument, value) > 0;
}

const struct operator operator_gt = {
    .name = "gt",
    .takes_argument = true,
    .has_macros = true,
    .prepare = number_prepare,
    .evaluate = evaluate,
    .meaning = "The value is greater than this number.",
    .example = "SecRule &ARGS \"@gt 255\" \"id:1,phase:2,deny\"",
};
