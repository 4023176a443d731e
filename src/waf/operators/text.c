/* beginsWith, contains, containsWord, endsWith, streq, strmatch, within: the value compared byte by
 * byte with the argument; case counts. An empty argument begins and ends everything and is
 * contained in it; an empty value is within everything. containsWord wants no letter, digit or
 * underscore of ASCII on either side of what it finds. strmatch is contains without macros. */
#include "waf/operators/table.h"

/* Where `needle` stands in s from `from` on, s.len: nowhere. In windows, so that others can run:
 * each is as long as the needle at least, so that the whole is linear. 0 · work_spend's */
static int find(slice s, slice needle, size_t from, struct work *work, size_t *ret_at)
{
    size_t stride = needle.len > WORK_BLOCK ? needle.len : WORK_BLOCK;
    for (size_t at = from; s.len - at >= needle.len && at < s.len; at += stride) {
        slice window = slice_first(slice_after(s, at), stride + needle.len - 1);
        size_t found = slice_find(window, needle);
        TRY(work_spend(work, found / 4 + 1));
        if (found < window.len) {
            *ret_at = at + found;
            return 0;
        }
        if (s.len - at <= stride)
            break;
    }
    *ret_at = s.len;
    return 0;
}

static int begins_with(UNUSED const void *prepared, slice argument, slice value,
                       struct operator_match *match, UNUSED struct work *work)
{
    return slice_starts_with(value, argument) ? operator_matched(match, 0, argument.len) : 0;
}

static int ends_with(UNUSED const void *prepared, slice argument, slice value,
                     struct operator_match *match, UNUSED struct work *work)
{
    if (!slice_ends_with(value, argument))
        return 0;
    return operator_matched(match, value.len - argument.len, argument.len);
}

static int equal(UNUSED const void *prepared, slice argument, slice value,
                 struct operator_match *match, UNUSED struct work *work)
{
    return slice_equal(value, argument) ? operator_matched(match, 0, value.len) : 0;
}

static int contains(UNUSED const void *prepared, slice argument, slice value,
                    struct operator_match *match, struct work *work)
{
    size_t at;
    if (argument.len == 0)
        return operator_matched(match, 0, 0);
    TRY(find(value, argument, 0, work, &at));
    return at < value.len ? operator_matched(match, at, argument.len) : 0;
}

static bool is_word_byte(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static int contains_word(UNUSED const void *prepared, slice argument, slice value,
                         struct operator_match *match, struct work *work)
{
    if (argument.len == 0)
        return operator_matched(match, 0, 0);
    for (size_t from = 0; from < value.len; from++) {
        size_t end;
        TRY(find(value, argument, from, work, &from));
        if (from == value.len)
            break;
        end = from + argument.len;
        if ((from == 0 || !is_word_byte(value.ptr[from - 1])) &&
            (end == value.len || !is_word_byte(value.ptr[end])))
            return operator_matched(match, from, argument.len);
    }
    return 0;
}

static int within(UNUSED const void *prepared, slice argument, slice value,
                  struct operator_match *match, struct work *work)
{
    size_t at;
    if (value.len == 0)
        return operator_matched(match, 0, 0);
    TRY(find(argument, value, 0, work, &at));
    return at < argument.len ? operator_matched(match, 0, value.len) : 0;
}

const struct operator operator_begins_with = {
    .name = "beginsWith",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = begins_with,
    .is_search = true,
    .meaning = "The value begins with the argument.",
    .example = "SecRule REQUEST_LINE \"!@beginsWith GET\" \"id:1,phase:1,deny\"",
};

const struct operator operator_contains = {
    .name = "contains",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = contains,
    .is_search = true,
    .meaning = "The argument stands somewhere in the value.",
    .example = "SecRule REQUEST_LINE \"@contains .php\" \"id:1,phase:1,deny\"",
};

const struct operator operator_contains_word = {
    .name = "containsWord",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = contains_word,
    .is_search = true,
    .meaning = "The argument stands in the value as a word of its own.",
    .example = "SecRule ARGS \"@containsWord select\" \"id:1,phase:2,deny\"",
};

const struct operator operator_ends_with = {
    .name = "endsWith",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = ends_with,
    .is_search = true,
    .meaning = "The value ends with the argument.",
    .example = "SecRule REQUEST_FILENAME \"@endsWith /wp-login.php\" \"id:1,phase:1,deny\"",
};

const struct operator operator_streq = {
    .name = "streq",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = equal,
    .is_search = true,
    .meaning = "The value is the argument.",
    .example = "SecRule REQBODY_PROCESSOR \"@streq JSON\" \"id:1,phase:2,pass\"",
};

const struct operator operator_strmatch = {
    .name = "strmatch",
    .takes_argument = true,
    .evaluate = contains,
    .is_search = true,
    .meaning = "The argument stands somewhere in the value; without macros.",
    .example = "SecRule REQUEST_HEADERS:User-Agent \"@strmatch WebZIP\" \"id:1,phase:1,deny\"",
};

const struct operator operator_within = {
    .name = "within",
    .takes_argument = true,
    .has_macros = true,
    .evaluate = within,
    .meaning = "The value stands somewhere in the argument.",
    .example = "SecRule REQUEST_METHOD \"!@within GET POST HEAD\" \"id:1,phase:1,deny\"",
};
