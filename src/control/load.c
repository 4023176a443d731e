#include "control/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/load_reader.h"
#include "control/loader.h"
#include "control/regex.h"
#include "control/vocabulary.h"
#include "net/tls_client.h"
#include "proxy/endpoint.h"
#include "shared/log_ring.h"

#define CONFIGURATION_BYTES_MAX ((size_t)4 << 30)
#define SCRATCH_BYTES_MAX       ((size_t)8 << 30)

static const struct limits_global builtin_limits = { .head_bytes_max = 64u << 10,
                                                     .fields_max = 100,
                                                     .line_bytes_max = 16u << 10,
                                                     .target_bytes_max = 8u << 10,
                                                     .connections_max = 20000,
                                                     .connections_per_client_max = 256,
                                                     .streams_max = 100,
                                                     .h2_budget = 10000,
                                                     .requests_per_connection_max = 10000,
                                                     .fibers_max = 0,
                                                     .buffered_bytes_max = 256u << 20,
                                                     .held_bytes_max = 256u << 20 };

/* Reads and checks all files. 0, even with errors · -ENOMEM */
static int read_files(struct loader *l)
{
    l->files = (struct files){ .arena = &l->scratch,
                               .reader = l->options->reader ? l->options->reader : &load_reader,
                               .diagnostics = l->diagnostics };
    TRY(vocabulary_open(&l->schema, &l->scratch));
    if (l->options->path)
        TRY(files_read(&l->files, slice_from(l->options->path)));
    else
        TRY(files_read_text(&l->files, SLICE("command line"), l->options->text));
    for (const struct file *f = l->files.first; f; f = f->next)
        TRY(load_digest_add(&l->digest, f->source.text));
    return schema_check(&l->schema, &l->files, &l->scratch);
}

/* Where a log goes when the files do not say. */
static int default_log(struct loader *l, struct log_settings *log, const char *name)
{
    *log = (struct log_settings){ .is_on = true, .format = LOG_FORMAT_JSON };
    log->path = SLICE("stdout");
    const char *folder = l->options->log_folder;
    if (!folder)
        return 0;
    char path[1024];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return -EINVAL;
    log->path = arena_copy(&l->c->arena, slice_of(path, (size_t)length));
    return log->path.ptr ? 0 : -ENOMEM;
}

static int open_configuration(struct loader *l)
{
    struct configuration *c = l->c;
    arena_open(&c->arena, NULL, 0, 256u << 10, CONFIGURATION_BYTES_MAX);
    c->generation = l->options->generation;
    c->limits = builtin_limits;
    c->drain_ms = 3600000;
    c->drain_generations_max = 64;
    TRY(default_log(l, &c->logs[LOG_REQUESTS], "requests.json"));
    TRY(default_log(l, &c->logs[LOG_SECURITY], "security.json"));
    return blocks_open(l, &l->defaults);
}

/* Top level and `defaults`: what is in force for everything. */
static int load_top(struct loader *l)
{
    struct apply_target t = { .blocks = &l->defaults, .depth = 0 };
    for (struct file *f = l->files.first; f; f = f->next)
        TRY(blocks_apply(l, &f->tree.root, &t));
    TRY(blocks_finish(l, &l->defaults));
    memcpy(l->c->defaults, l->defaults.all, sizeof l->c->defaults);
    struct configuration *c = l->c;
    for (uint16_t i = 0; i < LOG_CHANNELS; i++) /* the first that has this path */
        while (!slice_equal(c->logs[c->logs[i].sink].path, c->logs[i].path))
            c->logs[i].sink++;
    struct network_set trusted = c->trusted;
    return network_set_build(&c->arena, trusted.entries, trusted.count, &c->trusted);
}

/* With `acme` nothing has to be written: HTTPS where browsers look for it, and plain HTTP, which
 * leads there and proves names to the authority. */
static int listen_by_default(struct loader *l)
{
    static const struct {
        slice text;
        bool is_tls;
    } wanted[] = { { { ":80", 3 }, false }, { { ":443", 4 }, true } };
    struct configuration *c = l->c;
    if (!c->acme || c->listen_count)
        return 0;
    c->listens = arena_take_array(&c->arena, ARRAY_LENGTH(wanted), sizeof *c->listens);
    if (!c->listens)
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
        const char *expected;
        struct listen *listen = &c->listens[c->listen_count++];
        *listen = (struct listen){ .text = wanted[i].text, .is_tls = wanted[i].is_tls };
        TRY(endpoint_parse_listen(wanted[i].text, &listen->address, &expected));
    }
    return 0;
}

/* A statement of the top level's `limits`; NULL: not written. */
static const struct statement *find_limit(const struct loader *l, const char *name)
{
    for (struct file *f = l->files.first; f; f = f->next)
        for (struct statement *s = f->tree.root.first; s; s = s->next)
            if (statement_is(s, "limits")) {
                const struct statement *found = statement_find(s, name);
                if (found)
                    return found;
            }
    return NULL;
}

static void report_larger(struct loader *l, const char *inner, const char *outer)
{
    const struct statement *s = find_limit(l, inner);
    if (!s)
        s = find_limit(l, outer);
    if (!s || l->diagnostics->errors)
        return;
    struct span where = statement_span(s);
    struct diagnostic *item = diagnostics_add(
        l->diagnostics, E0406, &where,
        "'limits %s' is larger than 'limits %s', of which it is a part", inner, outer);
    diagnostic_label(l->diagnostics, item, "cannot be reached");
    diagnostic_help(l->diagnostics, item, "write both: limits { %s ...; %s ... }", outer, inner);
}

static void check_limits(struct loader *l)
{
    const struct limits_global *limits = &l->c->limits;
    if (limits->line_bytes_max > limits->head_bytes_max)
        report_larger(l, "line", "head");
    if (limits->target_bytes_max > limits->line_bytes_max)
        report_larger(l, "target", "line");
    if (limits->connections_per_client_max > limits->connections_max)
        report_larger(l, "connections-per-client", "connections");
}

/* Definitions that nothing refers to. Behind an error they may be used by what could not be read.
 */
static void check_unused(struct loader *l)
{
    if (l->diagnostics->errors)
        return;
    for (struct file *f = l->files.first; f; f = f->next)
        for (struct statement *s = f->tree.root.first; s; s = s->next) {
            bool is_used = true;
            if (statement_is(s, "origin"))
                is_used = name_map_find(&l->used, statement_argument(s, 0)->text);
            else if (statement_is(s, "policy"))
                is_used =
                    ((struct policy *)name_map_find(&l->policies, statement_argument(s, 0)->text))
                        ->is_used;
            else if (statement_is(s, "list"))
                is_used = load_find_list(l, statement_argument(s, 0)->text)->is_used;
            if (is_used)
                continue;
            struct diagnostic *item = diagnostics_add(
                l->diagnostics, W0702, &s->arguments[0].span, "%s '%.*s' is never used",
                s->directive->name,
                SLICE_ARGUMENTS(word_shown(&s->arguments[0], statement_argument(s, 0)->text)));
            diagnostic_label(l->diagnostics, item, "defined here");
        }
}

static int load_all(struct loader *l)
{
    TRY(open_configuration(l));
    TRY(read_files(l));
    if (!l->files.first)
        return -EINVAL;
    TRY(load_lists(l));
    TRY(load_top(l));
    TRY(listen_by_default(l));
    TRY(load_origins(l));
    TRY(load_policies(l));
    TRY(load_sites(l));
    load_check_tls(l);
    check_limits(l);
    check_unused(l);
    TRY(load_digest_text(&l->digest, &l->c->arena, &l->c->digest));
    return l->diagnostics->errors ? -EINVAL : load_waf_own(l);
}

static int loader_open(struct loader *l)
{
    arena_open(&l->scratch, NULL, 0, 1u << 20, SCRATCH_BYTES_MAX);
    if (!arena_take(&l->scratch, 1))
        return -ENOMEM;
    l->names = (struct option_names){ .context = l,
                                      .find_origin = load_find_origin,
                                      .find_list = load_find_list,
                                      .add_certificate = load_add_certificate,
                                      .read_file = load_read_file };
    name_map_open(&l->origins, &l->scratch);
    name_map_open(&l->used, &l->scratch);
    name_map_open(&l->policies, &l->scratch);
    name_map_open(&l->lists, &l->scratch);
    name_map_open(&l->hosts, &l->scratch);
    name_map_open(&l->trusts, &l->scratch);
    name_map_open(&l->tls_clients, &l->scratch);
    name_map_open(&l->certificates, &l->scratch);
    name_map_open(&l->tls_policies, &l->scratch);
    name_map_open(&l->rulesets, &l->scratch);
    return 0;
}

int loader_run(struct loader *l, const struct load_options *options, struct diagnostics *d)
{
    *l = (struct loader){ .options = options, .diagnostics = d, .c = calloc(1, sizeof *l->c) };
    if (!l->c)
        return -ENOMEM;
    int error = loader_open(l);
    if (error == 0)
        error = load_all(l);
    return error == 0 && d->out_of_memory ? -ENOMEM : error;
}

void loader_close(struct loader *l)
{
    configuration_free(l->c);
    load_trusts_free(l);
    arena_close(&l->scratch);
    *l = (struct loader){ 0 };
}

int configuration_load(const struct load_options *options, struct configuration **ret,
                       struct diagnostics *d)
{
    struct loader l __attribute__((cleanup(loader_close)));
    TRY(loader_run(&l, options, d));
    *ret = l.c;
    l.c = NULL; /* the caller's now */
    return 0;
}

void configuration_free(struct configuration *c)
{
    if (!c)
        return;
    load_free_tls(c);
    load_free_rules(c);
    for (const struct compiled_regex *r = c->regexes; r; r = r->next)
        regex_free(r->pattern);
    for (struct made_client *m = c->tls_clients; m; m = m->next) {
        tls_client_free(m->client);
        certificate_drop(&m->own);
    }
    arena_close(&c->arena);
    free(c);
}
