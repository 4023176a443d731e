/* removeCommentsChar: takes out the marks of comments and leaves their text: slash star, star
 * slash,
 * "<!--", "-->", "--", "#". */
#include "waf/transforms/run.h"

static const struct byte_set marks = { .bits = { BYTE_BIT('/') | BYTE_BIT('-') | BYTE_BIT('#') } };
/* Where a mark may stand. */
static const struct byte_set mark_begins = {
    .bits = { BYTE_BIT('/') | BYTE_BIT('-') | BYTE_BIT('#') | BYTE_BIT('<') | BYTE_BIT('*') }
};

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

static void step(struct transform_run *run, size_t bytes_max)
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

const struct transform transform_remove_comments_char = {
    .name = "removeCommentsChar",
    .out_max = transform_same,
    .triggers = &marks,
    .may_change = has_mark,
    .step = step,
    .meaning = "Removes the marks of comments and leaves their text.",
    .example = "`/*!union*/ select --` becomes `!union select `",
};
