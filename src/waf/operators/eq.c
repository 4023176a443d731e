/* eq: the value is the argument, both read as integers (number.h). */
#include "waf/operators/number.h"
#include "waf/operators/table.h"

static int evaluate(const void *prepared, slice argument, slice value,
                    UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return number_compare(prepared, argument, value) == 0;
}

const struct operator operator_eq = {
    .name = "eq",
    .takes_argument = true,
    .has_macros = true,
    .prepare = number_prepare,
    .evaluate = evaluate,
    .meaning = "The value is this number.",
    .example = "SecRule &REQUEST_HEADERS:Host \"@eq 0\" \"id:1,phase:1,deny\"",
};
