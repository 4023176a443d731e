/* validateUrlEncoding: a value with a percent sign that has no two hexadecimal digits behind it
 * matches: the first one. */
#include "waf/operators/table.h"

#include "waf/byte_set.h"

static bool is_hex(char c)
{
    char lower = ascii_lower(c);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
}

static int evaluate(UNUSED const void *prepared, UNUSED slice argument, slice value,
                    struct operator_match *match, struct work *work)
{
    for (size_t i = 0; i < value.len;) {
        slice block = slice_first(slice_after(value, i), WORK_BLOCK);
        size_t before = i;
        i += slice_find_byte(block, '%');
        TRY(work_spend(work, (i - before) / 4 + 1));
        if (i == before + block.len)
            continue;
        if (value.len - i < 3 || !is_hex(value.ptr[i + 1]) || !is_hex(value.ptr[i + 2]))
            return operator_matched(match, i, value.len - i < 3 ? value.len - i : 3);
        i += 3;
    }
    return 0;
}

static void required(UNUSED const void *prepared, struct byte_set *ret)
{
    byte_set_add(ret, '%');
}

const struct operator operator_validate_url_encoding = {
    .name = "validateUrlEncoding",
    .evaluate = evaluate,
    .required = required,
    .meaning = "The value has a percent sign without two hexadecimal digits behind it.",
    .example = "SecRule REQUEST_URI_RAW \"@validateUrlEncoding\" \"id:1,phase:1,deny\"",
};
