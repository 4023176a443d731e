/* `check`: is the configuration in order? */
#include <string.h>
#include <unistd.h>

#include "control/command.h"
#include "control/loader.h"
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

/* Every file that was read, for `-T`. */
static void dump_files(const struct loader *l)
{
    for (const struct file *f = l->files.first; f; f = f->next) {
        output_format(STDOUT_FILENO, "# file %.*s\n", SLICE_ARGUMENTS(f->source.name));
        output_write(STDOUT_FILENO, f->source.text);
        if (!slice_ends_with(f->source.text, SLICE("\n")))
            output_write(STDOUT_FILENO, SLICE("\n"));
    }
}

static int check_file(const char *path, bool json, bool dumps)
{
    struct diagnostics d __attribute__((cleanup(diagnostics_close)));
    struct loader l __attribute__((cleanup(loader_close)));
    diagnostics_open(&d);
    int error = loader_run(&l, &(struct load_options){ .path = path }, &d);
    if (json)
        print_json(&d);
    else
        load_report(&d, path, STDERR_FILENO);
    if (error && d.errors == 0)
        output_format(STDERR_FILENO, "portcullis: %s: there is not enough memory\n", path);
    if (!error && !json)
        output_format(STDOUT_FILENO, "%s: in order, %u site%s, %u warning%s\n", path,
                      l.c->site_count, l.c->site_count == 1 ? "" : "s", d.warnings,
                      d.warnings == 1 ? "" : "s");
    if (dumps)
        dump_files(&l);
    return error ? EXIT_PROBLEM : EXIT_OK;
}

int command_check(int argc, char **argv)
{
    const char *path = CONFIG_PATH_DEFAULT;
    bool json = false, dumps = false;
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &path },
        { .name = "--json", .flag = &json },
        { .name = "--dump", .flag = &dumps },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    if (count > 1)
        return command_refuse("check takes one file");
    if (count)
        path = argv[0];
    return check_file(strcmp(path, "-") == 0 ? "/dev/stdin" : path, json, dumps);
}
