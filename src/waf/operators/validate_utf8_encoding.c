/* validateUtf8Encoding: a value that is no UTF-8 matches (RFC 3629: no overlong form, no surrogate,
 * nothing beyond U+10FFFF): the first wrong byte. */
#include "waf/operators/table.h"

#include "waf/byte_set.h"

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

static int evaluate(UNUSED const void *prepared, UNUSED slice argument, slice value,
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

static void required(UNUSED const void *prepared, struct byte_set *ret)
{
    byte_set_add_range(ret, 0x80, 0xff);
}

const struct operator operator_validate_utf8_encoding = {
    .name = "validateUtf8Encoding",
    .evaluate = evaluate,
    .required = required,
    .meaning = "The value is no valid UTF-8.",
    .example = "SecRule ARGS \"@validateUtf8Encoding\" \"id:1,phase:2,deny\"",
};
