/* `check`: is the configuration in order? */
#include <string.h>
#include <unistd.h>

#include "control/command.h"
#include "control/keyholder.h"
#include "control/loader.h"
#include "control/output.h"
#include "control/waf_summary.h"
#include "net/key_call.h"

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

/* --- Keys: looked at by a keyholder of this command's own, started by the first of them ---------
 */

struct own_keyholder {
    pid_t pid; /* 0: not started */
    int channel;
};

static int load_key(void *context, slice path, slice spki, struct writer *why)
{
    static struct key_answer answer;
    struct own_keyholder *own = context;
    if (!own->pid) {
        pid_t pid = keyholder_start_own(&own->channel);
        if (pid < 0) {
            writer_format(why, "the keyholder cannot be started: %s", strerror(-pid));
            return pid;
        }
        own->pid = pid;
    }
    struct key_load what = { .path = path, .leaf_spki = spki, .use = KEY_FOR_TLS };
    int result = key_call_load(own->channel, &what, &answer);
    writer_text(why, answer.text);
    return result;
}

static void end_keyholder(struct own_keyholder *own)
{
    if (own->pid)
        keyholder_end_own(own->pid, own->channel);
}

/* --- The command --------------------------------------------------------------------------------
 */

static int check_file(const char *path, bool json, bool dumps)
{
    struct diagnostics d __attribute__((cleanup(diagnostics_close)));
    OWNS(end_keyholder) struct own_keyholder own = { 0 };
    struct loader l __attribute__((cleanup(loader_close)));
    struct load_hooks hooks = { .context = &own, .load_key = load_key };
    diagnostics_open(&d);
    if (remote_key_open() != 0)
        hooks.load_key = NULL;
    int error = loader_run(&l, &(struct load_options){ .path = path, .hooks = &hooks }, &d);
    if (json)
        print_json(&d);
    else
        load_report(&d, path, STDERR_FILENO);
    if (error && d.errors == 0)
        output_format(STDERR_FILENO, "portcullis: %s: there is not enough memory\n", path);
    if (!error && !json) {
        output_format(STDOUT_FILENO, "%s: in order, %u site%s, %u warning%s\n", path,
                      l.c->site_count, l.c->site_count == 1 ? "" : "s", d.warnings,
                      d.warnings == 1 ? "" : "s");
        waf_summary_print(l.c, STDOUT_FILENO);
    }
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
