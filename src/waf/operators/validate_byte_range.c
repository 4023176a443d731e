/* validateByteRange: a value with a byte outside of the argument's bytes and ranges of bytes, in
 * decimal ("9,10,13,32-126"), matches: the first such byte. */
#include "waf/operators/table.h"

#include <errno.h>

#include "base/number.h"
#include "waf/byte_set.h"

static int range_problem(struct operator_setup *setup, slice word)
{
    return waf_problem_set(
        setup->problem, "\"%.*s\" is no byte and no range of bytes from 0 to 255, such as 32-126",
        SLICE_ARGUMENTS(slice_first(word, 60)));
}

static int prepare(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
                   void **ret_prepared)
{
    struct byte_set *set = arena_take(setup->arena, sizeof *set);
    if (!set)
        return -ENOMEM;
    for (bool more = true; more;) {
        size_t comma = slice_find_byte(argument, ',');
        slice word = slice_trim(slice_first(argument, comma));
        size_t dash = slice_find_byte(word, '-');
        uint64_t first, last;
        if (number_parse(slice_trim(slice_first(word, dash)), 255, &first) != 0)
            return range_problem(setup, word);
        last = first;
        if (dash < word.len &&
            number_parse(slice_trim(slice_after(word, dash + 1)), 255, &last) != 0)
            return range_problem(setup, word);
        if (first > last)
            return range_problem(setup, word);
        byte_set_add_range(set, (unsigned char)first, (unsigned char)last);
        more = comma < argument.len;
        argument = slice_after(argument, comma + 1);
    }
    *ret_prepared = set;
    return 0;
}

static int evaluate(const void *prepared, UNUSED slice argument, slice value,
                    struct operator_match *match, struct work *work)
{
    const struct byte_set *set = prepared;
    for (size_t i = 0; i < value.len;) {
        size_t stop = value.len - i < WORK_BLOCK ? value.len : i + WORK_BLOCK;
        TRY(work_spend(work, stop - i));
        for (; i < stop; i++) {
            if (!byte_set_has(set, (unsigned char)value.ptr[i]))
                return operator_matched(match, i, 1);
        }
    }
    return 0;
}

static void required(const void *prepared, struct byte_set *ret)
{
    *ret = *(const struct byte_set *)prepared;
    byte_set_invert(ret);
}

const struct operator operator_validate_byte_range = {
    .name = "validateByteRange",
    .takes_argument = true,
    .prepare = prepare,
    .evaluate = evaluate,
    .required = required,
    .meaning = "The value has a byte that is not in these ranges.",
    .example = "SecRule ARGS \"@validateByteRange 9,10,13,32-126\" \"id:1,phase:2,deny\"",
};
