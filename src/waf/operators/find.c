#include "waf/operators/find.h"

#include "waf/operators/table.h"

int find_text(slice s, slice needle, size_t from, struct work *work, size_t *ret_at)
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

int find_argument(UNUSED const void *prepared, slice argument, slice value,
                  struct operator_match *match, struct work *work)
{
    size_t at;
    if (argument.len == 0)
        return operator_matched(match, 0, 0);
    TRY(find_text(value, argument, 0, work, &at));
    return at < value.len ? operator_matched(match, at, argument.len) : 0;
}
