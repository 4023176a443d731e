#include "waf/transforms/whitespace.h"

const struct byte_set whitespace_wide = { .bits = { SPACE_BITS, 0, BYTE_BIT(NO_BREAK_SPACE) } };
const struct byte_set whitespace_trimmed = { .bits = { SPACE_BITS } };

bool whitespace_begins(slice in)
{
    return in.len > 0 && is_space((unsigned char)in.ptr[0]);
}

bool whitespace_ends(slice in)
{
    return in.len > 0 && is_space((unsigned char)in.ptr[in.len - 1]);
}

/* state[0]: something else than white space has been seen; state[1]: out_len behind the last of it
 */
void whitespace_trim(struct transform_run *run, size_t bytes_max, unsigned sides)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        if (is_space((unsigned char)run->in.ptr[i])) {
            if (run->state[0] != 0 || !(sides & WHITESPACE_LEFT))
                run_put(run, (unsigned char)run->in.ptr[i]);
            i++;
        } else {
            i = run_copy_to_set(run, i, stop, &whitespace_trimmed);
            run->state[0] = 1;
            run->state[1] = run->out_len;
        }
    }
    run_end(run, i);
    if (run->done && sides & WHITESPACE_RIGHT)
        run->out_len = run->state[1];
}
