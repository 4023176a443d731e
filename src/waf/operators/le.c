/* le: the value is the argument or less, both read as integers (number.h). */
#include "waf/operators/number.h"
#include "waf/operators/table.h"

static int evaluate(const void *prepared, slice argument, slice value,
                    UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return number_compare(prepared, argument, value) <= 0;
}

const struct operator operator_le = {
    .name = "le",
    .takes_argument = true,
    .has_macros = true,
    .prepare = number_prepare,
    .evaluate = evaluate,
    .meaning = "The value is this number or less.",
    .example = "SecRule &ARGS \"@le 10\" \"id:1,phase:2,pass\"",
};
