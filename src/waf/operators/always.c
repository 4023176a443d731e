/* unconditionalMatch, noMatch: every value matches, or none. */
#include "waf/operators/table.h"

static int always(UNUSED const void *prepared, UNUSED slice argument, UNUSED slice value,
                  UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return 1;
}

static int never(UNUSED const void *prepared, UNUSED slice argument, UNUSED slice value,
                 UNUSED struct operator_match *match, UNUSED struct work *work)
{
    return 0;
}

const struct operator operator_unconditional_match = {
    .name = "unconditionalMatch",
    .evaluate = always,
    .meaning = "Every value matches.",
    .example = "SecRule REMOTE_ADDR \"@unconditionalMatch\" \"id:1,phase:1,pass,nolog\"",
};

const struct operator operator_no_match = {
    .name = "noMatch",
    .evaluate = never,
    .meaning = "No value matches.",
    .example = "SecRule REMOTE_ADDR \"@noMatch\" \"id:1,phase:1,deny\"",
};
