/* within: the value stands somewhere in the argument; case counts. An empty value is within
 * everything. */
#include "waf/operators/find.h"
#include "waf/operators/table.h"

static int evaluate(UNUSED const void *prepared, slice argument, slice value,
                    struct operator_match *match, struct work *work)
{
    size_t at;
    if (value.len == 0)
        return operator_matched(match, 0, 0);
    TRY(find_text(argument, value, 0, work, &at));
    return at < argument.len ? operator_matched(match, 0, value.len) : 0;
}

const struct operator operator_within = {
    .name = "within",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = evaluate,
    .meaning = "The value stands somewhere in the argument.",
    .example = "SecRule REQUEST_METHOD \"!@within GET POST HEAD\" \"id:1,phase:1,deny\"",
};
