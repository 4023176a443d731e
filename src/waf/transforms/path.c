#include "waf/transforms/path.h"

/* `out` holds the root, when there is one, and the segments so far, each with its slash.
 * state[0]: where the segment under way begins in it. */

static bool is_parent(const struct transform_run *run, size_t from, size_t to)
{
    return to - from == 2 && run->out[from] == '.' && run->out[from + 1] == '.';
}

/* Where the last whole segment before `end` begins; `end` is behind its slash. */
static size_t segment_before(const struct transform_run *run, size_t end)
{
    const char *slash = end > 1 ? memrchr(run->out, '/', end - 1) : NULL;
    return slash ? (size_t)(slash - run->out) + 1 : 0;
}

/* The segment under way has ended; false when it leaves nothing. */
static bool end_segment(struct transform_run *run, bool rooted)
{
    size_t begin = run->state[0], len = run->out_len - begin;
    if (len == 0)
        return false;
    if (len == 1 && run->out[begin] == '.') {
        run->out_len = begin;
        return false;
    }
    if (!is_parent(run, begin, run->out_len))
        return true;
    size_t before = begin > 0 ? segment_before(run, begin) : 0;
    if (begin == 0 || (!rooted && is_parent(run, before, begin - 1)))
        return true; /* a relative path that begins with ".." */
    run->out_len = rooted && begin == 1 ? 1 : before;
    run->state[0] = run->out_len;
    return false;
}

static void begin_segment(struct transform_run *run, bool is_kept)
{
    if (is_kept)
        run_put(run, '/');
    run->state[0] = run->out_len;
}

bool path_has_odd_segment(slice in)
{
    if (in.len > 0 && in.ptr[0] == '.')
        return true;
    for (size_t at = slice_find_byte(in, '/'); at + 1 < in.len;) {
        if (in.ptr[at + 1] == '/' || in.ptr[at + 1] == '.')
            return true;
        at += 1 + slice_find_byte(slice_after(in, at + 1), '/');
    }
    return false;
}

void path_normalize(struct transform_run *run, size_t bytes_max, const struct byte_set *separators)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    bool rooted = run->in.len > 0 && byte_set_has(separators, (unsigned char)run->in.ptr[0]);
    if (i == 0 && rooted)
        begin_segment(run, true);
    while (i < stop) {
        i = run_copy_to_set(run, i, stop, separators);
        if (i == stop)
            break;
        begin_segment(run, end_segment(run, rooted));
        i++;
    }
    run_end(run, i);
    if (!run->done || run->in.len == 0)
        return;
    bool trailing = byte_set_has(separators, (unsigned char)run->in.ptr[run->in.len - 1]);
    bool is_kept = end_segment(run, rooted);
    size_t root = rooted ? 1 : 0;
    if (!is_kept && !trailing && run->out_len > root)
        run->out_len--; /* "a/b/.." leaves "a" */
}
