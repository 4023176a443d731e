/* `check`: is the configuration in order? */
#include <stdio.h>
#include <unistd.h>

#include "control/command.h"
#include "control/load.h"
#include "control/output.h"

static void print_json(struct diagnostics *d)
{
    diagnostics_sort(d);
    output_format(STDOUT_FILENO, "{\"errors\":%u,\"warnings\":%u,\"diagnostics\":[", d->errors,
                  d->warnings);
    for (uint32_t i = 0; i < d->count; i++) {
        char text[DIAGNOSTIC_TEXT_MAX];
        struct writer w = writer_over(text, sizeof text);
        if (i)
            writer_byte(&w, ',');
        diagnostic_write_json(&w, &d->items[i]);
        output_write(STDOUT_FILENO, writer_slice(&w));
    }
    output_write(STDOUT_FILENO, SLICE("]}\n"));
}

int command_check(int argc, char **argv)
{
    const char *path = CONFIG_PATH_DEFAULT;
    bool json = false;
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &path },
        { .name = "--json", .flag = &json },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    if (count > 0)
        path = argv[0];
    struct diagnostics d;
    diagnostics_open(&d);
    struct configuration *c = NULL;
    int error = configuration_load(&(struct load_options){ .path = path }, &c, &d);
    if (json)
        print_json(&d);
    else
        load_report(&d, path, STDERR_FILENO);
    if (error && d.errors == 0)
        output_format(STDERR_FILENO, "portcullis: %s: there is not enough memory\n", path);
    if (!error && !json)
        output_format(STDOUT_FILENO, "%s: in order, %u site%s, %u warning%s\n", path, c->site_count,
                      c->site_count == 1 ? "" : "s", d.warnings, d.warnings == 1 ? "" : "s");
    configuration_free(c);
    diagnostics_close(&d);
    return error ? EXIT_PROBLEM : EXIT_OK;
}
