/* ge: the value is the argument or greater, both read as integers (number.h). */
#include "waf/operators/number.h"
#include "waf/operators/table.h"

static int evaluate(const void *prepared, slice argument, slice value,
                    UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return number_compare(prepared, argument, value) >= 0;
}

const struct operator operator_ge = {
    .name = "ge",
    .takes_argument = true,
    .has_macros = true,
    .prepare = number_prepare,
    .evaluate = evaluate,
    .meaning = "The value is this number or greater.",
    .example = "SecRule TX:SCORE \"@ge %{tx.threshold}\" \"id:1,phase:2,deny\"",
};
