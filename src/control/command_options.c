/* The options of commands: "--name value", "--name=value", "-n value", flags; "--" ends them. */
#include <unistd.h>

#include "config/suggest.h"
#include "control/command.h"
#include "control/output.h"

static const struct command_option *find_option(const struct command_option *options, size_t count,
                                                slice word)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(slice_from(options[i].name), word) ||
            (options[i].short_name && slice_equal(slice_from(options[i].short_name), word)))
            return &options[i];
    return NULL;
}

int command_refuse(const char *why)
{
    output_format(STDERR_FILENO, "portcullis: %s; see: portcullis help\n", why);
    return EXIT_USAGE;
}

static int refuse_option(const struct command_option *options, size_t count, slice word)
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
    if (o->value) {
        *o->value = value;
        return EXIT_OK;
    }
    if (*o->value_count == o->values_max) {
        output_format(STDERR_FILENO, "portcullis: '%s' stands there too often\n", o->name);
        return EXIT_USAGE;
    }
    o->values[(*o->value_count)++] = value;
    return EXIT_OK;
}

/* One option and, when it has one, its value. */
static int take_option(int argc, char **argv, int *at, const struct command_option *options,
                       size_t option_count)
{
    slice word = slice_from(argv[*at]);
    size_t equals = slice_starts_with(word, SLICE("--")) ? slice_find_byte(word, '=') : word.len;
    const struct command_option *o = find_option(options, option_count, slice_first(word, equals));
    if (!o)
        return refuse_option(options, option_count, slice_first(word, equals));
    if (o->flag) {
        *o->flag = true;
        return equals < word.len ? command_refuse("this option takes no value") : EXIT_OK;
    }
    const char *value = equals < word.len ? argv[*at] + equals + 1 : NULL;
    if (!value && *at + 1 < argc)
        value = argv[++*at];
    return take_value(o, value);
}

int command_options(int argc, char **argv, const struct command_option *options,
                    size_t option_count, int *ret_count)
{
    int kept = 0;
    bool is_over = false;
    for (int i = 0; i < argc; i++) {
        slice word = slice_from(argv[i]);
        if (!is_over && slice_equal(word, SLICE("--")))
            is_over = true;
        else if (is_over || word.len < 2 || word.ptr[0] != '-')
            argv[kept++] = argv[i];
        else if (take_option(argc, argv, &i, options, option_count) != EXIT_OK)
            return EXIT_USAGE;
    }
    *ret_count = kept;
    return EXIT_OK;
}
