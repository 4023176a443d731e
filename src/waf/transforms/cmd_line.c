/* cmdLine: the evasions that command interpreters of Unix and Windows allow. Backslashes, quotes
 * and carets are dropped; commas, semicolons and white space become one space however many they
 * are; a space before "/" or "(" goes; letters become lower case. */
#include "waf/transforms/run.h"

static const struct byte_set triggers = {
    .bits = { SPACE_BITS | BYTE_BIT('"') | BYTE_BIT('\'') | BYTE_BIT(',') | BYTE_BIT(';'),
              BYTE_BITS('A', 'Z') | BYTE_BIT('\\') | BYTE_BIT('^') }
};

/* Vertical tab and form feed are not among them. */
static bool is_separator(char c)
{
    return c == ' ' || c == ',' || c == ';' || c == '\t' || c == '\r' || c == '\n';
}

/* Single spaces between words of lower case stay as they are. */
static bool may_change(slice in)
{
    for (size_t at = byte_set_find(&triggers, in, 0, in.len); at < in.len;
         at = byte_set_find(&triggers, in, at + 1, in.len)) {
        char next = at + 1 < in.len ? in.ptr[at + 1] : '\0';
        if (in.ptr[at] != ' ' || is_separator(next) || next == '/' || next == '(')
            return true;
    }
    return false;
}

/* state[0]: a space is due */
static void step(struct transform_run *run, size_t bytes_max)
{
    size_t stop = run_stop(run, bytes_max);
    for (size_t i = run->at; i < stop; i++) {
        char c = run->in.ptr[i];
        if (c == '"' || c == '\'' || c == '\\' || c == '^')
            continue;
        if (is_separator(c)) {
            run->state[0] = 1;
            continue;
        }
        if (run->state[0] != 0 && c != '/' && c != '(')
            run_put(run, ' ');
        run->state[0] = 0;
        run_put(run, (unsigned char)ascii_lower(c));
    }
    run_end(run, stop);
    if (run->done && run->state[0] != 0)
        run_put(run, ' ');
}

const struct transform transform_cmd_line = {
    .name = "cmdLine",
    .out_max = transform_same,
    .triggers = &triggers,
    .may_change = may_change,
    .step = step,
    .meaning =
        "Undoes what command interpreters overlook: drops `\\ \" ' ^`, makes one space of white "
        "space, commas and semicolons, removes it before `/` and `(`, lower case.",
    .example = "`C^at  /etc/\"pass\"wd` becomes `cat/etc/passwd`",
};
