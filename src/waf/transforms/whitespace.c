/* compressWhitespace, removeWhitespace, trim, trimLeft, trimRight.
 *
 * White space is space, tab, line feed, vertical tab, form feed and carriage return; for the first
 * two also 0xA0, the no-break space of ISO 8859-1. compressWhitespace makes one space of each run
 * of it. */
#include "waf/transforms/run.h"

static const struct byte_set spaces = { .bits = { SPACE_BITS, 0, BYTE_BIT(NO_BREAK_SPACE) } };
static const struct byte_set trimmed = { .bits = { SPACE_BITS } };

static bool is_wide_space(int byte)
{
    return is_space(byte) || byte == NO_BREAK_SPACE;
}

/* Whether some white space is no single space. */
static bool has_wide_space(slice in)
{
    for (size_t at = byte_set_find(&spaces, in, 0, in.len); at < in.len;
         at = byte_set_find(&spaces, in, at + 1, in.len))
        if (in.ptr[at] != ' ' || (at + 1 < in.len && in.ptr[at + 1] == ' '))
            return true;
    return false;
}

/* state[0]: the byte before was white space, and its space is written */
static void compress(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        if (is_wide_space((unsigned char)run->in.ptr[i])) {
            if (run->state[0] == 0)
                run_put(run, ' ');
            run->state[0] = 1;
            i++;
        } else {
            run->state[0] = 0;
            i = run_copy_to_set(run, i, stop, &spaces);
        }
    }
    run_end(run, i);
}

static void remove_all(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = run_copy_to_set(run, i, stop, &spaces);
        while (i < stop && is_wide_space((unsigned char)run->in.ptr[i]))
            i++;
    }
    run_end(run, i);
}

enum { LEFT = 1, RIGHT = 2 };

static bool begins_with_space(slice in)
{
    return in.len > 0 && is_space((unsigned char)in.ptr[0]);
}

static bool ends_with_space(slice in)
{
    return in.len > 0 && is_space((unsigned char)in.ptr[in.len - 1]);
}

static bool has_space_outside(slice in)
{
    return begins_with_space(in) || ends_with_space(in);
}

/* state[0]: something else than white space has been seen; state[1]: out_len behind the last of it
 */
static void trim_sides(struct transform_run *run, size_t bytes_max, unsigned sides)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        if (is_space((unsigned char)run->in.ptr[i])) {
            if (run->state[0] != 0 || !(sides & LEFT))
                run_put(run, (unsigned char)run->in.ptr[i]);
            i++;
        } else {
            i = run_copy_to_set(run, i, stop, &trimmed);
            run->state[0] = 1;
            run->state[1] = run->out_len;
        }
    }
    run_end(run, i);
    if (run->done && sides & RIGHT)
        run->out_len = run->state[1];
}

static void trim_both(struct transform_run *run, size_t bytes_max)
{
    trim_sides(run, bytes_max, LEFT | RIGHT);
}

static void trim_left(struct transform_run *run, size_t bytes_max)
{
    trim_sides(run, bytes_max, LEFT);
}

static void trim_right(struct transform_run *run, size_t bytes_max)
{
    trim_sides(run, bytes_max, RIGHT);
}

const struct transform transform_compress_whitespace = {
    .name = "compressWhitespace",
    .out_max = transform_same,
    .triggers = &spaces,
    .may_change = has_wide_space,
    .step = compress,
    .meaning = "Makes one space of every run of white space.",
    .example = "`union \\t select` becomes `union select`",
};

const struct transform transform_remove_whitespace = {
    .name = "removeWhitespace",
    .out_max = transform_same,
    .triggers = &spaces,
    .step = remove_all,
    .meaning = "Removes white space.",
    .example = "`java script :` becomes `javascript:`",
};

const struct transform transform_trim = {
    .name = "trim",
    .out_max = transform_same,
    .triggers = &trimmed,
    .may_change = has_space_outside,
    .step = trim_both,
    .meaning = "Removes white space at both ends.",
    .example = "`  a b  ` becomes `a b`",
};

const struct transform transform_trim_left = {
    .name = "trimLeft",
    .out_max = transform_same,
    .triggers = &trimmed,
    .may_change = begins_with_space,
    .step = trim_left,
    .meaning = "Removes white space at the beginning.",
    .example = "`  a b  ` becomes `a b  `",
};

const struct transform transform_trim_right = {
    .name = "trimRight",
    .out_max = transform_same,
    .triggers = &trimmed,
    .may_change = ends_with_space,
    .step = trim_right,
    .meaning = "Removes white space at the end.",
    .example = "`  a b  ` becomes `  a b`",
};
