/* noMatch: no value matches. */
#include "waf/operators/table.h"

static int evaluate(UNUSED const void *prepared, UNUSED slice argument, UNUSED slice value,
                    UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return 0;
}

const struct operator operator_no_match = {
    .name = "noMatch",
    .evaluate = evaluate,
    .meaning = "No value matches.",
    .example = "SecRule REMOTE_ADDR \"@noMatch\" \"id:1,phase:1,deny\"",
};
