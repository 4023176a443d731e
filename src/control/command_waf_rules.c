/* `waf rules`: the rules that are part of the program, whole or one by its number. */
#include <unistd.h>

#include "base/number.h"
#include "base/writer.h"
#include "control/command.h"
#include "control/output.h"
#include "waf/rules/builtin.h"

#define NUMBER_MAX 4000000000u

static void print_text(slice name, slice text)
{
    output_format(STDOUT_FILENO, "# --- %.*s\n\n", SLICE_ARGUMENTS(name));
    output_write(STDOUT_FILENO, text);
    output_write(STDOUT_FILENO, SLICE("\n"));
}

static slice take_line(slice *rest)
{
    size_t end = slice_find_byte(*rest, '\n');
    slice line = slice_first(*rest, end);
    *rest = slice_after(*rest, end + 1);
    return line;
}

static bool holds_id(slice line, uint64_t id)
{
    char memory[32];
    struct writer w = writer_over(memory, sizeof memory);
    writer_format(&w, "\"id:%llu,", (unsigned long long)id);
    for (size_t at = 0; at + w.len <= line.len; at++)
        if (slice_starts_with(slice_after(line, at), writer_slice(&w)))
            return true;
    return false;
}

/* A rule goes from its first line, and the comment before it, to the next line that is neither
 * indented nor continues. false: it is not in this text. */
static bool print_rule(slice name, slice text, uint64_t id)
{
    slice rest = text, from = text;
    uint32_t number = 0, first = 1;
    bool is_found = false, was_comment = false;
    while (rest.len) {
        slice before = rest, line = take_line(&rest);
        bool is_comment = slice_starts_with(line, SLICE("#"));
        number++;
        if (line.len == 0 || (line.ptr[0] != ' ' && !was_comment)) {
            if (is_found) {
                output_format(STDOUT_FILENO, "# %.*s:%u\n%.*s", SLICE_ARGUMENTS(name), first,
                              (int)(before.ptr - from.ptr), from.ptr);
                return true;
            }
            from = line.len ? before : rest;
            first = line.len ? number : number + 1;
        }
        was_comment = is_comment;
        is_found |= holds_id(line, id);
    }
    if (is_found)
        output_format(STDOUT_FILENO, "# %.*s:%u\n%.*s", SLICE_ARGUMENTS(name), first,
                      SLICE_ARGUMENTS(from));
    return is_found;
}

static int print_by_id(const char *argument)
{
    uint64_t id = 0;
    if (number_parse(slice_from(argument), NUMBER_MAX, &id) != 0)
        return command_refuse(
            "waf rules is followed by numbers of rules such as 8103001, or nothing");
    bool is_found = print_rule(SLICE("builtin/prelude.conf"), waf_prelude, id);
    for (unsigned i = 0; i < waf_builtin_count && !is_found; i++)
        is_found = print_rule(waf_builtin[i].name, waf_builtin[i].text, id);
    if (is_found)
        return EXIT_OK;
    output_format(STDERR_FILENO, "portcullis: no rule %s is part of the program\n", argument);
    return EXIT_PROBLEM;
}

int command_waf_rules(int argc, char **argv)
{
    int result = EXIT_OK;
    for (int i = 0; i < argc && result == EXIT_OK; i++)
        result = print_by_id(argv[i]);
    if (argc > 0)
        return result;
    print_text(SLICE("builtin/prelude.conf"), waf_prelude);
    for (unsigned i = 0; i < waf_builtin_count; i++)
        print_text(waf_builtin[i].name, waf_builtin[i].text);
    return EXIT_OK;
}
