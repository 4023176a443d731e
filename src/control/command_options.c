/* The options of commands: "--name value", "--name=value", "-n value", flags; "--" ends them. */
#include <stdlib.h>
#include <unistd.h>

#include "control/command.h"
#include "control/output.h"

#include "config/suggest.h"

static const struct command_option *find_option(const struct command_option *options, size_t count,
                                                slice word)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(slice_from(options[i].name), word) ||
            (options[i].short_name && slice_equal(slice_from(options[i].short_name), word)))
            return &options[i];
    return NULL;
}

static int refuse(const struct command_option *options, size_t count, slice word)
{
    struct suggestion near = suggestion_for(word);
    for (size_t i = 0; i < count; i++)
        suggestion_offer(&near, slice_from(options[i].name));
    output_format(STDERR_FILENO, "portcullis: unknown option '%.*s'", SLICE_ARGUMENTS(word));
    if (near.best.len)
        output_format(STDERR_FILENO, "; did you mean '%.*s'?", SLICE_ARGUMENTS(near.best));
    output_write(STDERR_FILENO, SLICE("\n"));
    return EXIT_USAGE;
}

static int take_value(const struct command_option *o, const char *value)
{
    if (!value) {
        output_format(STDERR_FILENO, "portcullis: '%s' needs a value\n", o->name);
        return EXIT_USAGE;
    }
    if (o->value)
        *o->value = value;
    else
        (*o->values)[(*o->value_count)++] = value;
    return EXIT_OK;
}

int command_options(int argc, char **argv, const struct command_option *options,
                    size_t option_count, int *ret_count)
{
    int kept = 0;
    bool is_over = false;
    for (int i = 0; i < argc; i++) {
        slice word = slice_from(argv[i]);
        if (is_over || word.len < 2 || word.ptr[0] != '-') {
            argv[kept++] = argv[i];
            continue;
        }
        if (slice_equal(word, SLICE("--"))) {
            is_over = true;
            continue;
        }
        size_t equals =
            slice_starts_with(word, SLICE("--")) ? slice_find_byte(word, '=') : word.len;
        const struct command_option *o =
            find_option(options, option_count, slice_first(word, equals));
        if (!o)
            return refuse(options, option_count, slice_first(word, equals));
        if (o->flag) {
            *o->flag = true;
            continue;
        }
        const char *value = equals < word.len ? argv[i] + equals + 1 : NULL;
        if (!value && i + 1 < argc)
            value = argv[++i];
        if (take_value(o, value) != EXIT_OK)
            return EXIT_USAGE;
    }
    *ret_count = kept;
    return EXIT_OK;
}
