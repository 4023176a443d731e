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
    .step = step,
    .meaning =
        "Undoes what command interpreters overlook: drops `\\ \" ' ^`, makes one space of white "
        "space, commas and semicolons, removes it before `/` and `(`, lower case.",
    .example = "`C^at  /etc/\"pass\"wd` becomes `cat/etc/passwd`",
};
