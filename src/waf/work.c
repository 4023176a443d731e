#include "waf/work.h"

#include <errno.h>

void work_open(struct work *w, uint64_t limit, bool (*pause)(void *context), void *context)
{
    *w = (struct work){
        .until_pause = WORK_PAUSE_STEPS, .limit = limit, .pause = pause, .context = context
    };
}

uint64_t work_spent(const struct work *w)
{
    return w->spent + (WORK_PAUSE_STEPS - w->until_pause);
}

int work_settle(struct work *w, size_t steps)
{
    w->spent = work_spent(w) + steps;
    w->until_pause = WORK_PAUSE_STEPS;
    if (w->limit != 0 && w->spent > w->limit)
        return -EDQUOT;
    if (w->pause && !w->pause(w->context))
        return -ECANCELED;
    return 0;
}

int work_find_byte(struct work *w, slice s, char byte, size_t *ret_at)
{
    size_t at = 0;
    while (at < s.len) {
        slice block = slice_first(slice_after(s, at), WORK_BLOCK);
        size_t found = slice_find_byte(block, byte);
        at += found;
        TRY(work_spend(w, found / 4 + 1));
        if (found < block.len)
            break;
    }
    *ret_at = at;
    return 0;
}

/* Blanks at both ends of a block are blanks of the whole, as long as the block is nothing else. */
int work_trim(struct work *w, slice s, slice *ret)
{
    for (size_t blanks = WORK_BLOCK; blanks == WORK_BLOCK;) {
        slice block = slice_first(s, WORK_BLOCK);
        blanks = block.len - slice_trim_left(block).len;
        s = slice_after(s, blanks);
        TRY(work_spend(w, blanks));
    }
    for (size_t blanks = WORK_BLOCK; blanks == WORK_BLOCK;) {
        slice block = slice_after(s, s.len > WORK_BLOCK ? s.len - WORK_BLOCK : 0);
        blanks = block.len - slice_trim_right(block).len;
        s.len -= blanks;
        TRY(work_spend(w, blanks));
    }
    *ret = s;
    return 0;
}

int work_copy(struct work *w, char *to, slice from)
{
    for (size_t at = 0; at < from.len; at += WORK_BLOCK) {
        slice block = slice_first(slice_after(from, at), WORK_BLOCK);
        memcpy(to + at, block.ptr, block.len);
        TRY(work_spend(w, block.len / 4));
    }
    return 0;
}
