/* removeComments, removeCommentsChar, replaceComments.
 *
 * removeComments takes out comments of C and HTML with what is in them, and what follows "--" or
 * "#" to the end of the value; a comment that does not end leaves one space. What follows a comment
 * is read like anything else (ModSecurity copies one byte of it unseen). removeCommentsChar takes
 * out only the marks: slash star, star slash, "<!--", "-->", "--", "#". replaceComments makes one
 * space of each comment of C, also of one that does not end. */
#include "waf/transforms/run.h"

static const struct byte_set marks = { .bits = { BYTE_BIT('/') | BYTE_BIT('-') | BYTE_BIT('#') } };
static const struct byte_set slash = { .bits = { BYTE_BIT('/') } };
/* Where a comment may begin, and where a mark of one may stand. */
static const struct byte_set begins = { .bits = { BYTE_BIT('/') | BYTE_BIT('-') | BYTE_BIT('#') |
                                                  BYTE_BIT('<') } };
static const struct byte_set mark_begins = {
    .bits = { BYTE_BIT('/') | BYTE_BIT('-') | BYTE_BIT('#') | BYTE_BIT('<') | BYTE_BIT('*') }
};
static const struct byte_set ends = { .bits = { BYTE_BIT('*') | BYTE_BIT('-') } };

/* state[0]: within a comment. Returns where to go on from the byte at `at`, outside of one. */
static size_t open_comment(struct transform_run *run, size_t at)
{
    if (run_has(run, at, SLICE("--")) || run_peek(run, at) == '#')
        return run->in.len;
    run->state[0] = run_has(run, at, SLICE("/*")) || run_has(run, at, SLICE("<!--"));
    if (run->state[0] != 0)
        return at + (run_peek(run, at) == '/' ? 2 : 4);
    run_put(run, (unsigned char)run->in.ptr[at]);
    return at + 1;
}

static size_t within_comment(struct transform_run *run, size_t at, size_t stop)
{
    size_t i = byte_set_find(&ends, run->in, at, stop);
    if (i == stop)
        return i;
    size_t mark = run_has(run, i, SLICE("*/")) ? 2 : run_has(run, i, SLICE("-->")) ? 3 : 0;
    if (mark == 0)
        return i + 1;
    run->state[0] = 0;
    return i + mark;
}

static void remove_step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        if (run->state[0] != 0) {
            i = within_comment(run, i, stop);
            continue;
        }
        i = run_copy_to_set(run, i, stop, &begins);
        if (i < stop)
            i = open_comment(run, i);
    }
    run_end(run, i);
    if (run->done && run->state[0] != 0)
        run_put(run, ' ');
}

/* How long the mark at `at` is; 0: none. */
static size_t mark_length(const struct transform_run *run, size_t at)
{
    static const slice texts[] = { { "/*", 2 },  { "*/", 2 }, { "<!--", 4 },
                                   { "-->", 3 }, { "--", 2 }, { "#", 1 } };
    for (size_t t = 0; t < ARRAY_LENGTH(texts); t++) {
        if (run_has(run, at, texts[t]))
            return texts[t].len;
    }
    return 0;
}

static void remove_marks_step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = run_copy_to_set(run, i, stop, &mark_begins);
        if (i == stop)
            break;
        size_t mark = mark_length(run, i);
        if (mark == 0)
            run_put(run, (unsigned char)run->in.ptr[i]);
        i += mark ? mark : 1;
    }
    run_end(run, i);
}

static bool has_comment_of_c(slice in)
{
    for (size_t at = slice_find_byte(in, '/'); at + 1 < in.len;
         at += 1 + slice_find_byte(slice_after(in, at + 1), '/'))
        if (in.ptr[at + 1] == '*')
            return true;
    return false;
}

/* All marks but "#" are two bytes of them at least. */
static bool has_mark(slice in)
{
    for (size_t at = byte_set_find(&mark_begins, in, 0, in.len); at < in.len;
         at = byte_set_find(&mark_begins, in, at + 1, in.len))
        if (in.ptr[at] == '#' ||
            (at + 1 < in.len &&
             (byte_set_has(&mark_begins, (unsigned char)in.ptr[at + 1]) || in.ptr[at + 1] == '!')))
            return true;
    return false;
}

static void replace_step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        bool within = run->state[0] != 0;
        if (within)
            i = i + slice_find_byte(slice_of(run->in.ptr + i, stop - i), '*');
        else
            i = run_copy_to_byte(run, i, stop, '/');
        if (i == stop)
            break;
        if (run_has(run, i, within ? SLICE("*/") : SLICE("/*"))) {
            if (within)
                run_put(run, ' ');
            run->state[0] = !within;
            i += 2;
        } else {
            if (!within)
                run_put(run, (unsigned char)run->in.ptr[i]);
            i++;
        }
    }
    run_end(run, i);
    if (run->done && run->state[0] != 0)
        run_put(run, ' ');
}

const struct transform transform_remove_comments = {
    .name = "removeComments",
    .out_max = transform_same,
    .triggers = &marks,
    .step = remove_step,
    .meaning = "Removes comments of C, HTML and SQL with their text.",
    .example = "`1/* x */+2 -- y` becomes `1+2 `",
};

const struct transform transform_remove_comments_char = {
    .name = "removeCommentsChar",
    .out_max = transform_same,
    .triggers = &marks,
    .may_change = has_mark,
    .step = remove_marks_step,
    .meaning = "Removes the marks of comments and leaves their text.",
    .example = "`/*!union*/ select --` becomes `!union select `",
};

const struct transform transform_replace_comments = {
    .name = "replaceComments",
    .out_max = transform_same,
    .triggers = &slash,
    .may_change = has_comment_of_c,
    .step = replace_step,
    .meaning = "Makes one space of each comment of C.",
    .example = "`union/**/select` becomes `union select`",
};
