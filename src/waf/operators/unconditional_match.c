/* unconditionalMatch: every value matches. */
#include "waf/operators/table.h"

static int evaluate(UNUSED const void *prepared, UNUSED slice argument, UNUSED slice value,
                    UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return 1;
}

const struct operator operator_unconditional_match = {
    .name = "unconditionalMatch",
    .evaluate = evaluate,
    .meaning = "Every value matches.",
    .example = "SecRule REMOTE_ADDR \"@unconditionalMatch\" \"id:1,phase:1,pass,nolog\"",
};
