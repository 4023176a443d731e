/* `whatif FILE`: the exchanges that the running program has kept are judged by the configuration
 * that is in force and by a changed one, and what differs is told. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "config/value.h"
#include "control/admin_client.h"
#include "control/command.h"
#include "control/exchange_ask.h"
#include "control/load.h"
#include "control/load_reader.h"
#include "control/output.h"
#include "control/whatif_report.h"

#define FILE_BYTES_MAX  (1u << 30)
#define SAMPLES_DEFAULT 3u

/* What `whatif` says, besides EXIT_OK and EXIT_NOT_RUNNING. */
enum { EXIT_REFUSED = 1, EXIT_FAILED = 2, ASK_SECONDS_MAX = 60 };

struct whatif {
    const char *file, *config, *folder, *since, *from, *requests, *samples;
    bool json;
    uint64_t since_ms;
    char *running_path;          /* of the status */
    uint64_t running_generation; /* 0: not known */
    bool is_stale;               /* it has loaded something else than stands in the file now */
    struct configuration *before, *after;
    struct arena arena; /* of the input */
    struct whatif_report report;
};

static void close_whatif(struct whatif *w)
{
    whatif_report_close(&w->report);
    configuration_free(w->before);
    configuration_free(w->after);
    arena_close(&w->arena);
    free(w->running_path);
}

static int say(const char *what)
{
    output_format(STDERR_FILENO, "portcullis: %s\n", what);
    return EXIT_FAILED;
}

static int fail(const char *what, const char *path, int error)
{
    output_format(STDERR_FILENO, "portcullis: cannot %s '%s': %s\n", what, path, strerror(-error));
    return EXIT_FAILED;
}

/* Errors of ours are 2: 1 says that something would be refused. */
static int as_own(int result)
{
    return result == EXIT_PROBLEM ? EXIT_FAILED : result;
}

/* --- The two configurations ------------------------------------------------------------------- */

static int load(const char *path, struct configuration **ret)
{
    struct diagnostics d __attribute__((cleanup(diagnostics_close)));
    diagnostics_open(&d);
    int error = configuration_load(&(struct load_options){ .path = path }, ret, &d);
    if (error == 0)
        return EXIT_OK;
    if (d.errors == 0)
        return fail("load", path, error);
    load_report(&d, path, STDERR_FILENO);
    return EXIT_FAILED;
}

static void free_answer(struct admin_answer *answer)
{
    free(answer->body);
}

static void read_status(struct whatif *w, const json_t *status)
{
    const char *path = json_string_value(json_object_get(status, "configuration"));
    const json_t *generations = json_object_get(status, "generations");
    if (path && path[0] == '/')
        w->running_path = strdup(path);
    for (size_t i = 0; i < json_array_size(generations); i++) {
        const json_t *g = json_array_get(generations, i);
        const char *state = json_string_value(json_object_get(g, "state"));
        if (state && strcmp(state, "current") == 0)
            w->running_generation = (uint64_t)json_integer_value(json_object_get(g, "number"));
    }
}

/* Which file the running program was started with, and which of its generations is in force. */
static int ask_status(struct whatif *w)
{
    struct admin_answer answer __attribute__((cleanup(free_answer))) = { 0 };
    int error = admin_ask(w->folder, "GET", "/status", ASK_SECONDS_MAX, &answer);
    if (error == -ENOENT || error == -ECONNREFUSED) {
        (void)say("nothing is running here; start it with: portcullis run");
        return EXIT_NOT_RUNNING;
    }
    if (error)
        return fail("ask", "/status", error);
    json_t *status = json_loadb(answer.body, answer.length, JSON_ALLOW_NUL, NULL);
    read_status(w, status);
    json_decref(status);
    return EXIT_OK;
}

static int find_running(struct whatif *w)
{
    bool is_apart = w->from || w->requests;
    int result = is_apart && w->config ? EXIT_OK : ask_status(w);
    if (result == EXIT_NOT_RUNNING && is_apart)
        (void)say("or say with -c FILE what to compare with");
    if (result != EXIT_OK)
        return result;
    if (!w->config)
        w->config = w->running_path;
    return w->config ? EXIT_OK
                     : say("the running program was not started with the full path of a file; say "
                           "with -c FILE what it runs");
}

/* --- The exchanges ---------------------------------------------------------------------------- */

/* What the generation in force has decided was decided by what it has loaded. */
static void note_running(struct whatif *w, const struct recorded *r)
{
    if (w->running_generation && r->generation == w->running_generation && r->configuration.len &&
        !slice_equal(r->configuration, w->before->digest))
        w->is_stale = true;
}

static void take(void *context, const json_t *json)
{
    struct whatif *w = context;
    struct arena a __attribute__((cleanup(arena_close))) = { 0 };
    struct recorded r;
    arena_open(&a, NULL, 0, 64u << 10, 16u << 20);
    bool is_read = json && recorded_read(json, &a, &r) == 0;
    if (is_read)
        note_running(w, &r);
    whatif_report_add(&w->report, is_read ? &r : NULL);
}

static int take_file(struct whatif *w)
{
    slice text;
    int error = load_reader.read_input(NULL, &w->arena, slice_from(w->from), FILE_BYTES_MAX, &text);
    if (error)
        return fail("read", w->from, error);
    exchange_each(text, take, w);
    return EXIT_OK;
}

static int take_request(struct whatif *w, slice path)
{
    struct arena a __attribute__((cleanup(arena_close))) = { 0 };
    struct recorded r;
    slice bytes;
    arena_open(&a, NULL, 0, 64u << 10, (size_t)FILE_BYTES_MAX * 2);
    int error = load_reader.read_input(NULL, &a, path, FILE_BYTES_MAX, &bytes);
    if (error) {
        char *name = arena_text(&w->arena, path);
        return fail("read", name ? name : w->requests, error);
    }
    bool is_read = recorded_from_wire(bytes, &a, &r) == 0;
    r.id = r.request.id = path;
    r.request.now_ms = clock_wall_ms();
    whatif_report_add(&w->report, is_read ? &r : NULL);
    return EXIT_OK;
}

/* In the order of the files' names. */
static int take_requests(struct whatif *w)
{
    char pattern[4096];
    struct writer p = writer_over(pattern, sizeof pattern);
    slice *paths;
    uint32_t count;
    writer_format(&p, "%s/*", w->requests);
    int error = p.overflowed
                    ? -ENAMETOOLONG
                    : load_reader.list_files(NULL, &w->arena, writer_slice(&p), &paths, &count);
    if (error)
        return fail("read", w->requests, error);
    if (count == 0)
        return say("--requests wants a folder with files in it");
    for (uint32_t i = 0; i < count; i++) {
        int result = take_request(w, paths[i]);
        if (result != EXIT_OK)
            return result;
    }
    return EXIT_OK;
}

static int take_all(struct whatif *w)
{
    if (w->requests)
        return take_requests(w);
    if (w->from)
        return take_file(w);
    return as_own(exchange_ask_all(w->folder, w->since_ms, take, w));
}

/* --- The command ------------------------------------------------------------------------------ */

static int tell(struct whatif *w)
{
    if (w->is_stale) {
        output_format(STDERR_FILENO,
                      "portcullis: '%s' is not what the running program has loaded: it has changed "
                      "since; say with -c FILE how it was, and leave the change in another file\n",
                      w->config);
        return EXIT_FAILED;
    }
    if (!w->json)
        whatif_print(&w->report);
    else if (whatif_print_json(&w->report) != 0)
        return say("there is not enough memory");
    return w->report.groups[WHATIF_REFUSED].count ? EXIT_REFUSED : EXIT_OK;
}

static int run(struct whatif *w)
{
    arena_open(&w->arena, NULL, 0, 64u << 10, (size_t)FILE_BYTES_MAX * 2);
    int result = load(w->file, &w->after);
    if (result == EXIT_OK)
        result = find_running(w);
    if (result == EXIT_OK)
        result = load(w->config, &w->before);
    if (result != EXIT_OK)
        return result;
    w->report.before = w->before;
    w->report.after = w->after;
    w->report.before_path = w->config;
    w->report.after_path = w->file;
    whatif_report_open(&w->report);
    result = take_all(w);
    return result == EXIT_OK ? tell(w) : result;
}

static int read_numbers(struct whatif *w)
{
    uint64_t span_ms, samples = SAMPLES_DEFAULT;
    if (w->since) {
        if (value_duration(slice_from(w->since), &span_ms) != 0)
            return command_refuse("--since wants a time span such as 30m, 2h or 1d");
        uint64_t now_ms = (uint64_t)clock_wall_ms();
        w->since_ms = span_ms < now_ms ? now_ms - span_ms : 0;
    }
    if (w->samples && (number_parse(slice_from(w->samples), WHATIF_SAMPLES_MAX, &samples) != 0))
        return command_refuse("--samples is a number of at most 10000");
    w->report.samples_max = (uint32_t)samples;
    return EXIT_OK;
}

int command_whatif(int argc, char **argv)
{
    struct whatif w __attribute__((cleanup(close_whatif))) = { 0 };
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &w.config },
        { .name = "--state", .value = &w.folder },
        { .name = "--since", .value = &w.since },
        { .name = "--from", .value = &w.from },
        { .name = "--requests", .value = &w.requests },
        { .name = "--samples", .value = &w.samples },
        { .name = "--json", .flag = &w.json },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    if (count != 1)
        return command_refuse("whatif takes one file, the changed configuration");
    if ((w.since != NULL) + (w.from != NULL) + (w.requests != NULL) > 1)
        return command_refuse("--since, --from and --requests are alternatives");
    w.file = argv[0];
    return read_numbers(&w) == EXIT_OK ? run(&w) : EXIT_USAGE;
}
