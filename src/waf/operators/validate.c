/* validateByteRange, validateUrlEncoding, validateUtf8Encoding: a value that is *not* valid
 * matches.
 *
 * validateByteRange takes bytes and ranges of bytes in decimal ("9,10,13,32-126"): a byte outside
 * of them matches. validateUrlEncoding: a percent sign without two hexadecimal digits behind it.
 * validateUtf8Encoding: bytes that are no UTF-8 (RFC 3629: no overlong form, no surrogate, nothing
 * beyond U+10FFFF). What matched is the first wrong byte or sequence. */
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

static int prepare_range(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
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

static int evaluate_range(const void *prepared, UNUSED slice argument, slice value,
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

static void required_by_range(const void *prepared, struct byte_set *ret)
{
    *ret = *(const struct byte_set *)prepared;
    byte_set_invert(ret);
}

static bool is_hex(char c)
{
    char lower = ascii_lower(c);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
}

static int evaluate_url(UNUSED const void *prepared, UNUSED slice argument, slice value,
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

static void required_by_url(UNUSED const void *prepared, struct byte_set *ret)
{
    byte_set_add(ret, '%');
}

/* The length of the character at the front of s, which begins with a byte of 0x80 or more; 0: it is
 * none. RFC 3629 §4. */
static size_t character_length(slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t length = p[0] >= 0xc2 && p[0] < 0xe0   ? 2
                    : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
                    : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                                  : 0;
    if (length == 0 || s.len < length)
        return 0;
    unsigned char least = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char most = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < least || p[1] > most)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

/* How many bytes of ASCII there are at the front. */
static size_t ascii_length(slice s)
{
    size_t i = 0;
    for (uint64_t word; s.len - i >= sizeof word; i += sizeof word) {
        memcpy(&word, s.ptr + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < s.len && (unsigned char)s.ptr[i] < 0x80)
        i++;
    return i;
}

static int evaluate_utf8(UNUSED const void *prepared, UNUSED slice argument, slice value,
                         struct operator_match *match, struct work *work)
{
    for (size_t i = 0; i < value.len;) {
        size_t ascii = ascii_length(slice_first(slice_after(value, i), WORK_BLOCK));
        TRY(work_spend(work, ascii / 4 + 1));
        i += ascii;
        if (i == value.len || (unsigned char)value.ptr[i] < 0x80)
            continue;
        size_t length = character_length(slice_after(value, i));
        if (length == 0)
            return operator_matched(match, i, 1);
        i += length;
    }
    return 0;
}

static void required_by_utf8(UNUSED const void *prepared, struct byte_set *ret)
{
    byte_set_add_range(ret, 0x80, 0xff);
}

const struct operator operator_validate_byte_range = {
    .name = "validateByteRange",
    .takes_argument = true,
    .prepare = prepare_range,
    .evaluate = evaluate_range,
    .required = required_by_range,
    .meaning = "The value has a byte that is not in these ranges.",
    .example = "SecRule ARGS \"@validateByteRange 9,10,13,32-126\" \"id:1,phase:2,deny\"",
};

const struct operator operator_validate_url_encoding = {
    .name = "validateUrlEncoding",
    .evaluate = evaluate_url,
    .required = required_by_url,
    .meaning = "The value has a percent sign without two hexadecimal digits behind it.",
    .example = "SecRule REQUEST_URI_RAW \"@validateUrlEncoding\" \"id:1,phase:1,deny\"",
};

const struct operator operator_validate_utf8_encoding = {
    .name = "validateUtf8Encoding",
    .evaluate = evaluate_utf8,
    .required = required_by_utf8,
    .meaning = "The value is no valid UTF-8.",
    .example = "SecRule ARGS \"@validateUtf8Encoding\" \"id:1,phase:2,deny\"",
};
