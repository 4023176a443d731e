/* containsWord: the argument stands in the value with no letter, digit or underscore of ASCII on
 * either side; case counts. */
#include "waf/operators/find.h"
#include "waf/operators/table.h"

static bool is_word_byte(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static int evaluate(UNUSED const void *prepared, slice argument, slice value,
                    struct operator_match *match, struct work *work)
{
    if (argument.len == 0)
        return operator_matched(match, 0, 0);
    for (size_t from = 0; from < value.len; from++) {
        size_t end;
        TRY(find_text(value, argument, from, work, &from));
        if (from == value.len)
            break;
        end = from + argument.len;
        if ((from == 0 || !is_word_byte(value.ptr[from - 1])) &&
            (end == value.len || !is_word_byte(value.ptr[end])))
            return operator_matched(match, from, argument.len);
    }
    return 0;
}

const struct operator operator_contains_word = {
    .name = "containsWord",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = evaluate,
    .is_search = true,
    .meaning = "The argument stands in the value as a word of its own.",
    .example = "SecRule ARGS \"@containsWord select\" \"id:1,phase:2,deny\"",
};
