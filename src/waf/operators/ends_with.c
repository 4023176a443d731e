/* endsWith: the value ends with the argument, byte by byte; case counts. Everything ends with an
 * empty one. */
#include "waf/operators/table.h"

static int evaluate(UNUSED const void *prepared, slice argument, slice value,
                    struct operator_match *match, UNUSED struct work *work)
{
    if (!slice_ends_with(value, argument))
        return 0;
    return operator_matched(match, value.len - argument.len, argument.len);
}

const struct operator operator_ends_with = {
    .name = "endsWith",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = evaluate,
    .is_search = true,
    .meaning = "The value ends with the argument.",
    .example = "SecRule REQUEST_FILENAME \"@endsWith /wp-login.php\" \"id:1,phase:1,deny\"",
};
